"""Official quality measures (FHIR Measure and ELM packages), evaluated on whole columns: see docs/adr/0019."""
