// fhir-kit-client at work: node kit_client.mjs BASE TOKEN. Prints what it saw as one JSON object.
import { Client } from 'fhir-kit-client';

const [base, token] = process.argv.slice(2);
const client = new Client({ baseUrl: base, bearerToken: token });
const seen = {};
const status = async (act) => {
  try {
    await act();
    return 200;
  } catch (error) {
    return error.response?.status ?? String(error);
  }
};

seen.version = (await client.capabilityStatement()).fhirVersion;
seen.authorize = (await client.smartAuthMetadata()).authorizeUrl ?? null;

const patient = await client.create({
  resourceType: 'Patient',
  body: { resourceType: 'Patient', name: [{ family: 'Kit', given: ['Ida'] }], birthDate: '1970-01-31' },
});
const about = `Patient/${patient.id}`;
const bundle = {
  resourceType: 'Bundle',
  type: 'transaction',
  entry: [1, 2, 3, 4, 5].map((value) => ({
    resource: {
      resourceType: 'Observation',
      status: 'final',
      code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
      subject: { reference: about },
      effectiveDateTime: `2026-11-0${value}`,
      valueQuantity: { value: 60 + value, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' },
    },
    request: { method: 'POST', url: 'Observation' },
  })),
};
seen.made = (await client.transaction({ body: bundle })).entry.map((entry) => entry.response.status.slice(0, 3));

let page = await client.search({
  resourceType: 'Observation',
  searchParams: { patient: patient.id, _sort: 'date', _count: 2 },
});
seen.pages = [];
while (page) {
  seen.pages.push(page.entry.map((entry) => entry.resource.valueQuantity.value));
  page = page.link.some((link) => link.relation === 'next') ? await client.nextPage({ bundle: page }) : null;
}
const posted = await client.resourceSearch({
  resourceType: 'Observation',
  searchParams: { patient: patient.id, 'value-quantity': 'gt64' },
  options: { postSearch: true },
});
seen.posted = posted.entry.length;

const updated = await client.update({
  resourceType: 'Patient',
  id: patient.id,
  body: { ...patient, gender: 'female' },
});
seen.updated = updated.meta.versionId;
const patched = await client.patch({
  resourceType: 'Patient',
  id: patient.id,
  jsonPatch: [{ op: 'replace', path: '/birthDate', value: '1970-02-01' }],
});
seen.patched = patched.birthDate;
seen.first = (await client.vread({ resourceType: 'Patient', id: patient.id, version: '1' })).birthDate;
seen.history = (await client.history({ resourceType: 'Patient', id: patient.id })).total;
const compartment = await client.compartmentSearch({
  resourceType: 'Observation',
  compartment: { resourceType: 'Patient', id: patient.id },
});
seen.compartment = compartment.entry.length;
seen.resolved = (await client.resolve({ reference: about })).name[0].family;
const everything = await client.operation({
  resourceType: 'Patient',
  id: patient.id,
  name: '$everything',
  method: 'GET',
});
seen.everything = everything.entry.length;

await client.delete({ resourceType: 'Observation', id: posted.entry[0].resource.id });
seen.gone = await status(() => client.read({ resourceType: 'Observation', id: posted.entry[0].resource.id }));
seen.refused = await status(() =>
  client.create({ resourceType: 'Patient', body: { resourceType: 'Patient', birthDate: '1970-13-01' } }),
);
console.log(JSON.stringify(seen));
