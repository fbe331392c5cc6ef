// The SMART JS client inside a web application: node smart_app.cjs CLIENT_ID SCOPE PORT.
// GET /launch sends the browser to the sign-in; GET /callback answers with what the application then reads.
const http = require('http');
const smart = require('fhirclient');

const [clientId, scope, port] = process.argv.slice(2);
const address = `http://127.0.0.1:${port}`;
const session = {};

const answer = (response, status, body) => {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
};

async function read(client) {
  const patient = await client.patient.read();
  const observations = await client.patient.request('Observation?_count=2', { pageLimit: 0, flat: true });
  const other = await client.request('Patient/other').then(() => 200, (error) => error.status ?? error.statusCode);
  const refreshed = await client.refresh().then((state) => Boolean(state.tokenResponse.access_token));
  const again = await client.patient.read();
  return {
    family: patient.name[0].family,
    observations: observations.map((each) => each.id).sort(),
    other,
    refreshed,
    again: again.id,
    user: client.user.fhirUser,
    granted: client.state.tokenResponse.scope,
    pkce: Boolean(client.state.codeVerifier),
  };
}

http
  .createServer(async (request, response) => {
    request.session = session;
    const asked = new URL(request.url, address);
    request.query = Object.fromEntries(asked.searchParams);
    request.headers.host = `127.0.0.1:${port}`;
    try {
      if (asked.pathname === '/launch') {
        await smart(request, response).authorize({
          clientId,
          scope,
          redirectUri: `${address}/callback`,
          iss: asked.searchParams.get('iss'),
          launch: asked.searchParams.get('launch') ?? undefined,
          pkceMode: 'required',
        });
      } else {
        answer(response, 200, await read(await smart(request, response).ready()));
      }
    } catch (error) {
      answer(response, 500, { error: String(error.message ?? error) });
    }
  })
  .listen(Number(port), '127.0.0.1');
