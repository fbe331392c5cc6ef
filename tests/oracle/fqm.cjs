// Evaluates measures with fqm-execution: `node fqm.cjs FOLDER_OF_FQM WORK`.
// WORK holds `measures/*.json` (a bundle each, with `period`) and `patients.ndjson` (a bundle a line);
// `results.ndjson` gets a line per measure: populations per patient and group, the time it took, and the errors.
// One chart that it cannot read ends its whole calculation; so then each chart is given to it alone.
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");

const [folder, work] = process.argv.slice(2);
const { Calculator } = createRequire(path.resolve(folder) + path.sep)("fqm-execution");
const lines = fs.readFileSync(path.join(work, "patients.ndjson"), "utf8").split("\n").filter(Boolean);

function counted(group) {
  const counts = {};
  const holders = group.episodeResults ?? [group];
  for (const known of group.populationResults ?? []) counts[known.populationId ?? known.populationType] = 0;
  for (const holder of holders) {
    for (const found of holder.populationResults ?? []) {
      const name = found.populationId ?? found.populationType;
      counts[name] = (counts[name] ?? 0) + (found.result ? 1 : 0);
    }
  }
  return { group: group.groupId, counts };
}

async function evaluated(file) {
  const { bundle, period, measure } = JSON.parse(fs.readFileSync(file, "utf8"));
  const options = {
    measurementPeriodStart: period[0],
    measurementPeriodEnd: period[1],
    trustMetaProfile: true,
    calculateHTML: false,
    calculateSDEs: false,
    verboseCalculationResults: true,
  };
  const answer = { measure, patients: {}, errors: [] };
  const calculate = async (charts) => {
    const { results } = await Calculator.calculate(bundle, charts.map((line) => JSON.parse(line)), options);
    for (const one of results) answer.patients[one.patientId] = (one.detailedResults ?? []).map(counted);
  };
  const begun = process.cpuUsage();
  try {
    await calculate(lines);
  } catch {
    for (const line of lines) {
      try {
        await calculate([line]);
      } catch (error) {
        answer.errors.push(String(error.message ?? error).replace(/\s+/g, " ").slice(0, 300));
      }
    }
  }
  const used = process.cpuUsage(begun);
  answer.cpuSeconds = (used.user + used.system) / 1e6;
  return answer;
}

async function main() {
  const out = path.join(work, "results.ndjson");
  const measures = path.join(work, "measures");
  for (const name of fs.readdirSync(measures).sort()) {
    fs.appendFileSync(out, JSON.stringify(await evaluated(path.join(measures, name))) + "\n");
  }
}

main();
