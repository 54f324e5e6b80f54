// Access and refresh tokens with Express, jsonwebtoken and ioredis.
//
// VARIANT=plain is how tutorials write it. VARIANT=tuned is what a careful team makes of it: keys parsed once, one command to Redis
// where two were sent, no header that nobody reads. ALGORITHM is HS256 or ES256.
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import express from 'express';
import { Redis } from 'ioredis';
import jwt from 'jsonwebtoken';

const ACCESS_TTL = 15 * 60;
const REFRESH_TTL = 30 * 24 * 3600;
const algorithm = process.env.ALGORITHM ?? 'HS256';
const tuned = process.env.VARIANT === 'tuned';

/** What `sign` and `verify` take: text as it comes from a configuration, or keys that are parsed once. */
function keyPair() {
  if (algorithm === 'HS256') {
    const secret = randomBytes(32).toString('hex');
    const key = tuned ? createSecretKey(secret, 'utf8') : secret;
    return { signs: key, verifies: key };
  }
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return tuned
    ? { signs: createPrivateKey(pair.privateKey), verifies: createPublicKey(pair.publicKey) }
    : { signs: pair.privateKey, verifies: pair.publicKey };
}

const access = keyPair();
const refresh = keyPair();
const redis = new Redis(process.env.REDIS_URL, { enableAutoPipelining: tuned });

const app = express();
app.use(express.json());
if (tuned) {
  app.disable('x-powered-by');
  app.disable('etag');
}

function answer(res, status, body) {
  if (!tuned) {
    res.status(status).json(body);
    return;
  }
  const text = JSON.stringify(body);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

async function issue(subject, session) {
  const tokenId = randomUUID();
  const accessToken = jwt.sign({ sub: subject, sid: session }, access.signs, { algorithm, expiresIn: ACCESS_TTL });
  const refreshToken = jwt.sign({ sub: subject, sid: session, jti: tokenId }, refresh.signs, { algorithm, expiresIn: REFRESH_TTL });
  await redis.set(`refresh:${tokenId}`, session, 'EX', REFRESH_TTL);
  return { accessToken, refreshToken, tokenType: 'Bearer', expiresIn: ACCESS_TTL };
}

/** Whether the refresh token is one that was not used yet; it is used from now on. */
async function take(tokenId, session) {
  const key = `refresh:${tokenId}`;
  if (tuned) return (await redis.getdel(key)) === session;
  if ((await redis.get(key)) !== session) return false;
  return (await redis.del(key)) === 1;
}

// The password is left out: it is not what is measured.
app.post('/login', async (req, res) => {
  answer(res, 200, await issue(req.body.username, randomUUID()));
});

app.post('/refresh', async (req, res) => {
  let claims;
  try {
    claims = jwt.verify(req.body.refreshToken, refresh.verifies, { algorithms: [algorithm] });
  } catch {
    answer(res, 401, { error: 'invalid refresh token' });
    return;
  }
  if (!(await take(claims.jti, claims.sid))) {
    answer(res, 401, { error: 'refresh token was used or revoked' });
    return;
  }
  answer(res, 200, await issue(claims.sub, claims.sid));
});

function authenticate(req, res, next) {
  const token = req.headers.authorization?.split(' ')[1];
  try {
    req.user = jwt.verify(token, access.verifies, { algorithms: [algorithm] });
  } catch {
    answer(res, 401, { error: 'invalid access token' });
    return;
  }
  next();
}

app.get('/me', authenticate, (req, res) => {
  answer(res, 200, { subject: req.user.sub, session: req.user.sid });
});

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
