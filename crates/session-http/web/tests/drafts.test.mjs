// Drafts: what a person writes is lost to nothing, and shown to nobody else.

import assert from 'node:assert/strict';
import test from 'node:test';
import { withDrafts } from '../drafts.js';
import { fillForm, readForm } from '../drafts/form.js';
import { settle } from './support/clock.mjs';
import { problem } from './support/service.mjs';
import { ANNA, BEN, DAY, MINUTE, world } from './support/world.mjs';

const PATH = '/auth/drafts/order%3A1';

/** @returns a world whose person is logged in, with a draft */
const writing = async (t, options) => {
  const made = world(t);
  const tab = await made.loggedIn();
  withDrafts(tab.client, options);
  const draft = tab.client.draft('order');
  await draft.ready;
  await settle();
  made.service.log.length = 0;
  const saves = () => made.service.calls(`PUT ${PATH}`);
  return { ...made, ...tab, draft, saves };
};

/** The same form on another device of the same person. */
const atService = (service, value) => service.drafts.set(`anna ${PATH}`, { value, etag: `other-${value.a}` });

const onDevice = ({ internals: { context } }) =>
  context.storage.transact((store, done) => {
    const found = store.get([context.base, 'anna', 'order:1']);
    found.onsuccess = () => done(found.result);
  });

test('to the device after half a second of silence, to the service after three', async (t) => {
  const { clock, client, draft, saves, seen } = await writing(t);
  assert.equal(draft.status, 'clean');
  draft.set({ a: 1 });
  assert.equal(draft.status, 'local');
  await clock.advance(400);
  draft.set({ a: 2 });
  await clock.advance(400);
  assert.equal(await onDevice(client), undefined);
  await clock.advance(200);
  assert.deepEqual((await onDevice(client)).value, { a: 2 });
  assert.equal(saves().length, 0);
  await clock.advance(2_500);
  assert.deepEqual(saves().map(({ body, headers }) => [body, headers['if-none-match'], headers['if-match']]), [[{ a: 2 }, '*', undefined]]);
  assert.equal(draft.status, 'saved');
  assert.deepEqual([...new Set(seen('draftsaved').map(({ where }) => where))], ['device', 'service']);

  draft.set({ a: 3 });
  await draft.flush();
  assert.match(saves()[1].headers['if-match'], /^"e/);
});

test('who never pauses is saved all the same: device every three seconds, service every fifteen', async (t) => {
  const { clock, draft, saves, seen } = await writing(t);
  for (let typed = 0; typed < 80; typed++) {
    draft.set({ typed });
    await clock.advance(250);
  }
  assert.equal(saves().length, 1);
  assert.ok(seen('draftsaved').filter(({ where }) => where === 'device').length >= 6);
});

test('the tag of an answer counts also if the text has changed meanwhile', async (t) => {
  const { clock, service, draft, saves } = await writing(t);
  draft.set({ a: 1 });
  const saving = draft.flush();
  while (!saves().length) await settle(1);
  draft.set({ a: 2 });
  await saving;
  await clock.advance(4_000);
  assert.equal(draft.status, 'saved');
  assert.equal(saves().length, 2);
  assert.deepEqual(service.drafts.get(`anna ${PATH}`).value, { a: 2 });
});

test('another device has written: both versions are kept, and a choice ends it', async (t) => {
  for (const [choice, expected] of [['mine', { a: 2 }], ['theirs', { a: 9 }], [{ a: 'both' }, { a: 'both' }]]) {
    const { service, draft, seen, tab, client } = await writing(t);
    draft.set({ a: 1 });
    await draft.flush();
    atService(service, { a: 9 });
    draft.set({ a: 2 });
    assert.equal(await draft.flush(), 'conflict');
    assert.deepEqual(seen('draftconflict').map(({ mine, theirs }) => [mine, theirs]), [[{ a: 2 }, { a: 9 }]]);
    assert.deepEqual(service.drafts.get(`anna ${PATH}`).value, { a: 9 });

    // Also after a reload both are there.
    const again = withDrafts(tab().client);
    await again.start();
    const same = again.draft('order');
    await same.ready;
    await settle();
    assert.equal(same.status, 'conflict');
    assert.deepEqual(same.get(), { a: 2 });

    await same.resolve(choice);
    assert.deepEqual(same.get(), expected);
    assert.deepEqual(service.drafts.get(`anna ${PATH}`).value, expected);
    assert.equal(same.status, 'saved');
    client.dispose();
  }
});

test('a save whose answer was lost is recognised, and is no conflict', async (t) => {
  const { clock, service, draft, saves, seen } = await writing(t);
  draft.set({ a: 1 });
  service.next(PATH, 'lose');
  assert.equal(await draft.flush(), 'error');
  draft.set({ a: 2 });
  await clock.advance(10_000);
  assert.equal(draft.status, 'saved');
  assert.equal(seen('draftconflict').length, 0);
  assert.equal(seen('drafterror').length, 1);
  assert.deepEqual(service.drafts.get(`anna ${PATH}`).value, { a: 2 });
  assert.ok(saves().length >= 2);
});

test('the service is asked again after a failure, but not when only the person can help', async (t) => {
  const { clock, service, draft, saves, seen } = await writing(t);
  service.next(PATH, () => problem(503, 'store_unavailable'));
  draft.set({ a: 1 });
  assert.equal(await draft.flush(), 'error');
  await clock.advance(31_000);
  assert.equal(draft.status, 'saved');

  service.next(PATH, () => problem(413, 'payload_too_large'));
  draft.set({ a: 2 });
  await draft.flush();
  const before = saves().length;
  await clock.advance(5 * MINUTE);
  assert.equal(saves().length, before);
  assert.deepEqual(seen('drafterror').map(({ error }) => error.code), ['store_unavailable', 'payload_too_large']);
});

test('the service has a newer one: it is shown, if nothing was written here', async (t) => {
  const { service, draft, page } = await writing(t);
  draft.set({ a: 1 });
  await draft.flush();
  atService(service, { a: 9 });
  page.document.dispatchEvent(new Event('visibilitychange'));
  await settle();
  assert.deepEqual(draft.get(), { a: 9 });
  assert.equal(draft.status, 'saved');
});

test('a page that starts offline, past the end of its session, shows what was written', async (t) => {
  const { clock, service, tab, client: before, draft } = await writing(t);
  draft.set({ a: 1 });
  await draft.flush();
  before.dispose();
  clock.jump(31 * DAY);
  service.down = 'drop';
  const { client } = tab();
  const again = withDrafts(client).draft('order');
  assert.equal(await client.start(), 'unverified');
  await settle();
  assert.deepEqual(again.get(), { a: 1 });
  assert.equal(again.status, 'saved');
});

test('expired: it is kept on the device, and sent after the new login', async (t) => {
  const { clock, service, client, draft, saves } = await writing(t);
  service.sessions.get('s1').revoked = 'admin';
  await client.refresh({ force: true });
  draft.set({ a: 1 });
  await clock.advance(MINUTE);
  assert.equal(saves().length, 0);
  assert.deepEqual((await onDevice(client)).value, { a: 1 });
  assert.equal(draft.status, 'local');
  await client.reauthenticate(ANNA);
  await settle();
  assert.deepEqual(saves().map(({ body }) => body), [{ a: 1 }]);
  assert.equal(draft.status, 'saved');
});

test('another person logs in: the draft is not shown, not sent, and there again for its owner', async (t) => {
  const { clock, service, client, draft } = await writing(t);
  draft.set({ a: 'private' });
  service.sessions.get('s1').revoked = 'admin';
  await client.refresh({ force: true });
  await client.reauthenticate(BEN);
  await settle();
  assert.equal(draft.get(), undefined);
  assert.equal(draft.status, 'clean');
  draft.set({ a: 'by ben' });
  await clock.advance(10_000);
  assert.deepEqual([...service.drafts].map(([key, { value }]) => [key.split(' ')[0], value]), [['ben', { a: 'by ben' }]]);

  await client.login(ANNA);
  await settle();
  assert.deepEqual(draft.get(), { a: 'private' });
});

test('a frozen tab that wakes up after another person has logged in sends nothing and takes nothing', async (t) => {
  for (const theirs of [[], [[`ben ${PATH}`, { value: { a: 'by ben' }, etag: 'ben' }]]]) {
    const { clock, service, browser, draft, saves, seen, tab } = await writing(t);
    draft.set({ a: 'private' });
    service.drafts = new Map(theirs);
    // It hears nothing.
    browser.channels.clear();
    const other = tab();
    await other.client.login(BEN);
    await clock.advance(20_000);
    assert.equal(saves().length, 0);
    assert.deepEqual([...service.drafts], theirs);
    await draft.enter();
    assert.deepEqual(draft.get(), { a: 'private' });
    assert.equal(draft.status, 'local');
    assert.equal(seen('draftconflict').length, 0);
  }
});

test('the answer to one person\'s save is not taken for another\'s', async (t) => {
  const { service, client, draft } = await writing(t);
  draft.set({ a: 'private' });
  service.next(PATH, async () => {
    await client.login(BEN);
    await settle();
    return new Response('{}', { headers: { 'Content-Type': 'application/json', ETag: '"anna"' } });
  });
  await draft.flush();
  assert.equal(draft.status, 'clean');
  draft.set({ a: 'by ben' });
  await draft.flush();
  assert.deepEqual([...service.drafts].map(([key, { value }]) => [key, value]), [[`ben ${PATH}`, { a: 'by ben' }]]);
});

test('while there is a conflict nothing is sent, and it is told once', async (t) => {
  const { clock, service, draft, saves, seen } = await writing(t);
  atService(service, { a: 9 });
  draft.set({ a: 1 });
  await draft.flush();
  const before = saves().length;
  draft.set({ a: 2 });
  await clock.advance(MINUTE);
  assert.equal(draft.status, 'conflict');
  assert.equal(saves().length, before);
  assert.equal(seen('draftconflict').length, 1);
});

test('an explicit sign-out takes the copies off the device, after what is unsynced was sent', async (t) => {
  const { service, client, draft } = await writing(t);
  draft.set({ a: 1 });
  await client.signOut();
  assert.equal(client.state, 'signedOut');
  assert.deepEqual(service.drafts.get(`anna ${PATH}`).value, { a: 1 });
  assert.equal(await onDevice(client), undefined);
  assert.equal(draft.get(), undefined);
});

test('if it cannot be sent the page is asked, and may stop the sign-out', async (t) => {
  const { service, client, draft, seen } = await writing(t);
  const stop = (event) => event.preventDefault();
  client.addEventListener('draftsunsynced', stop);
  draft.set({ a: 1 });
  service.down = 'drop';
  await client.signOut();
  assert.equal(client.state, 'active');
  assert.deepEqual(seen('draftsunsynced').map(({ ids }) => ids), [['order']]);
  assert.deepEqual((await onDevice(client)).value, { a: 1 });

  client.removeEventListener('draftsunsynced', stop);
  await client.signOut();
  assert.equal(client.state, 'signedOut');
  assert.equal(await onDevice(client), undefined);
});

test('signed out in another tab: this one forgets its text and does not write it back', async (t) => {
  const { clock, client, draft, tab } = await writing(t);
  draft.set({ a: 1 });
  await draft.flush();
  const other = withDrafts(tab().client);
  await other.start();
  await other.signOut();
  await clock.advance(20_000);
  assert.equal(client.state, 'signedOut');
  assert.equal(draft.get(), undefined);
  assert.equal(await onDevice(client), undefined);
});

test('discarded: gone here and at the service, also if that is told later', async (t) => {
  const { clock, service, client, draft } = await writing(t);
  draft.set({ a: 1 });
  await draft.flush();
  service.next(PATH, 'drop');
  await draft.discard();
  assert.equal(draft.get(), undefined);
  assert.equal(service.drafts.size, 1);
  await clock.advance(31_000);
  assert.equal(service.drafts.size, 0);
  assert.equal(await onDevice(client), undefined);
  assert.equal(draft.status, 'clean');
});

test('left in a hurry: sent at once, and as many bytes as browsers let go on', async (t) => {
  const { clock, client, page, draft } = await writing(t, { keepaliveBudget: 40 });
  const sent = [];
  const { fetch } = page;
  page.fetch = (request) => {
    sent.push([request.method, request.keepalive]);
    return fetch(request);
  };
  draft.set({ a: 'ä'.repeat(10) });
  // The device has it first; the service gets what the device has.
  page.dispatchEvent(new Event('pagehide'));
  await settle();
  assert.deepEqual(sent, []);
  assert.deepEqual((await onDevice(client)).value, { a: 'ä'.repeat(10) });
  page.dispatchEvent(new Event('pagehide'));
  await settle();
  assert.deepEqual(sent, [['PUT', true]]);
  // 20 letters of two bytes each are more than 40 bytes with what is around them.
  draft.set({ a: 'ä'.repeat(20) });
  await clock.advance(500);
  page.dispatchEvent(new Event('pagehide'));
  await settle();
  assert.deepEqual(sent, [['PUT', true], ['PUT', false]]);
  assert.equal(client.state, 'active');
});

test('the same id and version is the same draft', async (t) => {
  const { client, draft } = await writing(t);
  assert.equal(client.draft('order'), draft);
  assert.equal(client.draft('order', { version: 1 }), draft);
  assert.notEqual(client.draft('order', { version: 2 }), draft);
});

test('no timer of a draft is longer than 30 s', async (t) => {
  const { clock, service, draft } = await writing(t);
  service.down = 'drop';
  draft.set({ a: 1 });
  await clock.advance(2 * MINUTE);
  assert.ok(clock.longest <= 30_000);
});

/** As much of a form as `form.js` looks at. */
const formOf = (...fields) => ({
  elements: fields.map((field) => ({
    value: '',
    type: 'text',
    getAttribute: () => field.autocomplete ?? null,
    closest: () => (field.inNoDraft ? {} : null),
    events: 0,
    dispatchEvent() {
      this.events++;
    },
    ...field,
  })),
});

test('a form as a value, and back', () => {
  const fields = () => [
    { name: 'title', value: 'Chair' },
    { name: 'line', value: 'one' },
    { name: 'line', value: 'two' },
    { name: 'gift', type: 'checkbox', value: 'yes', checked: true },
    { name: 'extra', type: 'checkbox', value: 'x', checked: false },
    { name: 'extra', type: 'checkbox', value: 'y', checked: true },
    { name: 'size', type: 'radio', value: 's', checked: false },
    { name: 'size', type: 'radio', value: 'l', checked: true },
    { name: 'colour', type: 'select-one', value: 'red', options: [{ value: 'blue', selected: false }, { value: 'red', selected: true }] },
    { value: 'nameless' },
  ];
  const values = readForm(formOf(...fields()));
  assert.deepEqual(values, {
    title: 'Chair',
    line: ['one', 'two'],
    gift: ['yes'],
    extra: ['y'],
    size: ['l'],
    colour: ['red'],
  });

  const empty = formOf(
    ...fields().map((field) => ({
      ...field,
      value: field.type ? field.value : '',
      ...('checked' in field && { checked: false }),
      ...(field.options && { options: field.options.map(({ value }) => ({ value, selected: false })) }),
    })),
  );
  fillForm(empty, values, new Set(['title']));
  assert.deepEqual(readForm(empty), { ...values, title: '' });
  assert.deepEqual(empty.elements.map(({ events }) => events), [0, 1, 1, 1, 0, 1, 0, 1, 1, 0]);
});

test('secrets are never read', () => {
  const form = formOf(
    { name: 'a', type: 'password', value: 's' },
    { name: 'b', type: 'file', value: 's' },
    { name: 'c', type: 'hidden', value: 's' },
    { name: 'd', autocomplete: 'cc-number', value: 's' },
    { name: 'e', autocomplete: 'section-x billing CC-CSC', value: 's' },
    { name: 'f', autocomplete: 'one-time-code', value: 's' },
    { name: 'g', autocomplete: 'current-password', value: 's' },
    { name: 'h', inNoDraft: true, value: 's' },
    { name: 'i', autocomplete: 'street-address', value: 'kept' },
  );
  assert.deepEqual(readForm(form), { i: 'kept' });
});
