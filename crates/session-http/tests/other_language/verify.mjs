// Verifies access tokens as a service in another language does: from the URL of the key set alone.
// Reads {jwks, issuer, audience, now, tokens: [text]} from standard input; writes one line of JSON for each token.

import { createRemoteJWKSet, jwtVerify } from 'jose';
import { text } from 'node:stream/consumers';

const { jwks, issuer, audience, now, tokens } = JSON.parse(await text(process.stdin));
const keys = createRemoteJWKSet(new URL(jwks));

for (const token of tokens) {
  try {
    const verified = await jwtVerify(token, keys, {
      issuer,
      audience,
      typ: 'at+jwt',
      requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp', 'auth_time'],
      currentDate: new Date(now),
    });
    console.log(JSON.stringify({ header: verified.protectedHeader, claims: verified.payload }));
  } catch (error) {
    console.log(JSON.stringify({ refused: error.code ?? String(error) }));
  }
}
