// `fetch` of the client: what is sent again, what waits, and what is given back as it is.

import assert from 'node:assert/strict';
import test from 'node:test';
import { settle } from './support/clock.mjs';
import { problem } from './support/service.mjs';
import { ANNA, HOUR, MINUTE, world } from './support/world.mjs';

const ORDERS = 'https://app.example/api/orders';
const orders = (service) => service.calls('POST /api/orders');
const post = (client, body = '{}', more = {}) => client.fetch(ORDERS, { method: 'POST', body, ...more });

test('refused by the service: one refresh, then once more with the same body', async (t) => {
  for (const code of ['token_expired', 'token_invalid', 'token_missing']) {
    const { clock, service, loggedIn } = world(t);
    const { client } = await loggedIn();
    clock.jump(MINUTE);
    service.next('/api/orders', () => problem(401, code));
    const response = await post(client, '{"n":1}');
    assert.equal(response.status, 200);
    assert.deepEqual(orders(service).map(({ body }) => body), [{ n: 1 }]);
    assert.equal(service.calls('POST /auth/refresh').length, 1);
  }
});

test('refused twice: the answer is given back', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  clock.jump(MINUTE);
  service.next('/api/orders', () => problem(401, 'token_invalid'), 3);
  assert.equal((await post(client)).status, 401);
  assert.equal(service.calls('POST /auth/refresh').length, 1);
});

test('refused again and again is no storm: minRefreshGap', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.next('/api/orders', () => problem(401, 'token_invalid'), 100);
  for (let time = 0; time < 20; time++) {
    await post(client);
    clock.jump(500);
  }
  assert.ok(service.calls('POST /auth/refresh').length <= 2);
});

test('sent with a token that was replaced meanwhile: once more without a refresh', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.next('/api/orders', async () => {
    await client.refresh({ force: true });
    return problem(401, 'token_expired');
  });
  assert.equal((await post(client)).status, 200);
  assert.equal(service.calls('POST /auth/refresh').length, 1);
});

test('another 401 is the application\'s own affair', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.next('/api/orders', () => new Response('no', { status: 401 }));
  assert.equal((await post(client)).status, 401);
  service.next('/api/orders', () => problem(401, 'otp_required'));
  assert.equal((await post(client)).status, 401);
  assert.equal(service.calls('POST /auth/refresh').length, 0);
  assert.equal(client.state, 'active');
});

test('a network failure is never repeated by the client', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.next('/api/orders', 'lose');
  await assert.rejects(post(client), TypeError);
  assert.equal(orders(service).length, 1);
});

test('revoked: expired at once, the request waits, and is sent after the new login', async (t) => {
  const { service, loggedIn } = world(t);
  const { client, seen } = await loggedIn();
  service.sessions.get('s1').revoked = 'admin';
  const waiting = post(client);
  await settle();
  assert.equal(client.state, 'expired');
  assert.deepEqual(seen('sessionexpired').map(({ reason }) => reason), ['admin']);
  await client.login(ANNA);
  assert.equal((await waiting).status, 200);
});

test('fifty may wait, for ten minutes, in their order', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.sessions.get('s1').revoked = 'admin';
  await client.refresh({ force: true });
  const waiting = Array.from({ length: 50 }, (_, n) => post(client, JSON.stringify({ n })));
  await settle();
  await assert.rejects(post(client), { code: 'queue_full' });
  await clock.advance(9 * MINUTE);
  await client.login(ANNA);
  assert.deepEqual((await Promise.all(waiting)).map(({ status }) => status), Array(50).fill(200));
  assert.deepEqual(orders(service).map(({ body: { n } }) => n), Array.from({ length: 50 }, (_, n) => n));

  service.sessions.get('s2').revoked = 'admin';
  await client.refresh({ force: true });
  const tooLong = assert.rejects(post(client), { code: 'timeout' });
  await settle();
  await clock.advance(11 * MINUTE);
  await tooLong;
});

test('who aborts a request does not wait', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.sessions.get('s1').revoked = 'admin';
  await client.refresh({ force: true });
  const controller = new AbortController();
  const waiting = assert.rejects(post(client, '{}', { signal: controller.signal }), { name: 'AbortError' });
  await settle();
  controller.abort();
  await waiting;
  await client.login(ANNA);
  assert.equal(orders(service).length, 0);
});

test('signed out: nobody waits', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.sessions.get('s1').revoked = 'admin';
  await client.refresh({ force: true });
  const waiting = assert.rejects(post(client), { code: 'signedout' });
  await settle();
  await client.signOut();
  await waiting;
  assert.equal((await post(client)).status, 401);
});

test('during an outage of the service alone the token is used as long as it lives', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  clock.jump(13 * MINUTE);
  service.next('/auth/refresh', () => problem(503, 'store_unavailable'), 1_000);
  assert.equal((await post(client)).status, 200);
  assert.equal(client.network, 'degraded');
  const before = service.log.length;
  for (let time = 0; time < 5; time++) await post(client);
  assert.equal(service.log.length - before, 5, 'no refresh for each request');
});

test('before the start it waits until it is known who is logged in', async (t) => {
  const { clock, service, loggedIn, tab } = world(t);
  (await loggedIn()).client.dispose();
  clock.jump(HOUR);
  const { client } = tab();
  assert.equal((await post(client)).status, 200);
  assert.deepEqual(service.log.slice(-2).map(({ line }) => line), ['POST /auth/refresh', 'POST /api/orders']);
});
