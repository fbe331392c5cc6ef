"""Writers of facts: each turns what was decided into FHIR resources, digit for digit."""
