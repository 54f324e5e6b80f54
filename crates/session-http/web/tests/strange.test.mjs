// What is nobody's fault: an answer of somebody else, a storage that is cleared, a person who is exchanged in between.

import assert from 'node:assert/strict';
import test from 'node:test';
import { withDrafts } from '../drafts.js';
import { settle } from './support/clock.mjs';
import { html } from './support/service.mjs';
import { ANNA, BEN, world } from './support/world.mjs';

test('a tab that is starting while another one logs in finds that out', async (t) => {
  const { clock, service, tab, loggedIn } = world(t);
  const one = await loggedIn();
  await clock.advance(16 * 60_000);
  const other = tab();
  service.next('/auth/refresh', 'hang');
  void other.client.start();
  await settle();
  await one.client.login(ANNA);
  await settle();
  assert.equal(other.client.state, 'active');
});

test('a storage that the browser has cleared under an open page logs nobody out', async (t) => {
  const { browser, loggedIn } = world(t);
  const { client, page } = await loggedIn();
  const { transact } = client.internals.context.storage;
  await transact((store, done) => (store.clear().onsuccess = () => done()));
  page.dispatchEvent(new Event('visibilitychange'));
  await settle();
  assert.equal(client.state, 'active');
  assert.equal(client.session.subject, 'anna');
  assert.equal(browser.jar.refresh.id, client.session.id);
});

test('a person who has signed out in another tab stays signed out where that was not heard', async (t) => {
  const { browser, tab, loggedIn } = world(t);
  const one = await loggedIn();
  const other = tab();
  await other.client.start();
  browser.channels.clear();
  await one.client.signOut();
  other.page.dispatchEvent(new Event('pageshow'));
  await settle();
  assert.equal(other.client.state, 'signedOut');
});

test('what one person asked for is not carried out as another', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.sessions.get('s1').revoked = 'admin';
  const asked = client.fetch('https://app.example/api/orders', { method: 'POST', body: '{}' });
  asked.catch(() => {});
  await settle();
  await client.login(BEN);
  await assert.rejects(asked, { code: 'usermismatch' });
  assert.equal(service.calls('POST /api/orders').length, 1, 'which was refused');
});

test('an empty answer to a refresh is not the service', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.next('/auth/refresh', () => new Response(null, { status: 204 }));
  const { status } = await client.refresh({ force: true });
  assert.equal(status, 'failed');
  assert.equal(client.state, 'active');
});

test('a sign-out that cannot be remembered is told at once', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  client.internals.context.storage.update = () => Promise.reject(new DOMException('lost', 'UnknownError'));
  await client.signOut();
  assert.equal(client.state, 'signedOut');
  assert.equal(service.calls('POST /auth/logout').length, 1);
});

test('a portal that answers a save does not have it', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  withDrafts(client);
  const draft = client.draft('order');
  await draft.ready;
  service.next('/auth/drafts/order%3A1', html(200));
  draft.set({ a: 1 });
  assert.equal(await draft.flush(), 'error');
  await clock.advance(60_000);
  assert.equal(draft.status, 'saved');
  assert.equal(service.drafts.get('anna /auth/drafts/order%3A1').value.a, 1);
});

test('what is set before the stored draft is known does not go over it', async (t) => {
  const { tab, loggedIn } = world(t);
  const before = await loggedIn();
  await withDrafts(before.client).draft('order').ready;
  before.client.draft('order').set({ a: 'long work' });
  await before.client.draft('order').flush();
  before.client.dispose();
  const { client } = tab();
  const draft = withDrafts(client).draft('order');
  draft.set({ a: 'x' });
  await client.start();
  await settle();
  await draft.flush();
  assert.equal(draft.status, 'conflict');
  await draft.resolve('theirs');
  assert.deepEqual(draft.get(), { a: 'long work' });
});
