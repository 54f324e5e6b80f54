// oidc-provider on Redis, refresh tokens rotated, one confidential client. ALGORITHM (RS256, ES256, HS256) signs its ID tokens; its
// access tokens are opaque, which is its default.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { RedisAdapter } from './redis-adapter.mjs';

const algorithm = process.env.ALGORITHM ?? 'RS256';
const CLIENT = 'app';
const SECRET = 'a-secret-of-this-measurement-only-0123456789abcdef';
const SCOPE = 'openid offline_access';

const pairs = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};
const keys = [];
for (const [alg, generate] of Object.entries(pairs)) {
  if (alg === algorithm || alg === 'RS256') {
    keys.push({ ...generate().privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg });
  }
}

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  adapter: RedisAdapter,
  jwks: { keys },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'HS256'] },
  clients: [
    {
      client_id: CLIENT,
      client_secret: SECRET,
      redirect_uris: ['https://app.example.com/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: algorithm,
    },
  ],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  features: { devInteractions: { enabled: false }, userinfo: { enabled: true } },
});

/** What a login in a browser would end with: a grant and its first refresh token, made by the provider's own models. */
async function open(subject) {
  const client = await provider.Client.find(CLIENT);
  const grant = new provider.Grant({ clientId: CLIENT, accountId: subject });
  grant.addOIDCScope(SCOPE);
  const grantId = await grant.save();
  const shared = { client, accountId: subject, grantId, scope: SCOPE, gty: 'authorization_code' };
  const now = Math.floor(Date.now() / 1000);
  const refreshToken = new provider.RefreshToken({ ...shared, authTime: now, expiresWithSession: false });
  const accessToken = new provider.AccessToken({ ...shared, expiresWithSession: false });
  return { access_token: await accessToken.save(), refresh_token: await refreshToken.save() };
}

const answers = provider.callback();
server.on('request', (req, res) => {
  if (!req.url.startsWith('/measured-login/')) return answers(req, res);
  open(req.url.slice('/measured-login/'.length)).then(
    (tokens) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(tokens)),
    (error) => res.writeHead(500).end(String(error?.stack ?? error)),
  );
});
console.log(`listening on ${issuer}`);
