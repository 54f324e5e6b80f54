// The small parts, each by itself.

import assert from 'node:assert/strict';
import test from 'node:test';
import { alarmOf, passed, serverClockOf } from '../session/clock.js';
import { accept, emptyRecord, ifStillHeld, isLive, leave, open, withKey } from '../session/device-record.js';
import { backoffOf } from '../session/retry.js';
import { scheduleOf } from '../session/schedule.js';
import { FakeClock } from './support/clock.mjs';

const tokens = (id, generation) => ({ session: { id, generation, subject: 'anna' } });

test('the offset is the midpoint of the quickest sample', () => {
  const clock = new FakeClock(0);
  const server = serverClockOf(clock, 5);
  assert.equal(server.now(), 5);
  server.sample(0, 1_000, 10_500);
  assert.equal(server.now(), 10_000);
  server.sample(0, 2_000, 11_800);
  assert.equal(server.now(), 10_000, 'slower');
  server.sample(0, 100, 10_150);
  assert.equal(server.now(), 10_100, 'quicker');
});

test('a sample that took over ten seconds, went back in time, or has no time counts for nothing', () => {
  const clock = new FakeClock(0);
  const server = serverClockOf(clock);
  server.sample(0, 10_001, 99_000);
  server.sample(100, 0, 99_000);
  server.sample(0, 100, NaN);
  assert.equal(server.now(), 0);
});

test('a sample that contradicts what is known replaces it: the local clock was set', () => {
  const clock = new FakeClock(0);
  const server = serverClockOf(clock);
  server.sample(0, 10, 5);
  assert.equal(server.now(), 0);
  server.sample(0, 4_000, 3_602_000);
  assert.equal(server.now(), 3_600_000);
});

test('an alarm is never set for more than 30 s', () => {
  const clock = new FakeClock();
  alarmOf(clock, () => {}).set(30 * 24 * 3_600_000);
  assert.equal(clock.longest, 30_000);
});

test('a clock that was set back has passed everything', () => {
  assert.equal(passed(1_000, 500, 600), false);
  assert.equal(passed(1_100, 500, 600), true);
  assert.equal(passed(400, 500, 600), true);
});

test('full jitter, doubled each time, capped; longer while hidden', () => {
  for (const [random, hidden, expected] of [
    [0.999999, false, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]],
    [0.999999, true, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]],
    [0.5, false, [500, 1_000, 2_000]],
    [0, false, [100, 100, 100]],
  ]) {
    const clock = new FakeClock(0);
    const page = { document: { visibilityState: hidden ? 'hidden' : 'visible' } };
    const backoff = backoffOf({ clock, page, random: () => random, options: {} });
    for (const delay of expected) {
      backoff.failed({ retryAfter: 0 });
      assert.equal(Math.round(backoff.nextAt()), delay);
    }
    backoff.succeeded();
    backoff.failed({ retryAfter: 0 });
    assert.ok(backoff.nextAt() <= 1_000);
  }
});

test('Retry-After comes before the jitter, up to five minutes, and cannot be hurried', () => {
  const clock = new FakeClock(0);
  const backoff = backoffOf({ clock, page: { document: {} }, random: () => 0.5, options: {} });
  backoff.failed({ retryAfter: 20_000 });
  assert.equal(backoff.nextAt(), 20_500);
  backoff.hurry(0);
  assert.equal(backoff.nextAt(), 20_000);
  assert.equal(backoff.ready(), false);
  backoff.failed({ retryAfter: 3_600_000 });
  assert.equal(backoff.nextAt(), 301_000);
});

test('when to refresh and to warn', () => {
  const at = (seconds) => new Date(seconds * 1_000).toISOString();
  const session = (access, idle, absolute, warn) => ({
    created_at: at(0),
    last_used_at: at(0),
    access_expires_at: at(access),
    idle_expires_at: at(idle),
    expires_at: at(absolute),
    warn_at: at(warn),
  });
  const seconds = (...given) => {
    const { refreshAt, warnAt, endsAt, gap } = scheduleOf(...given);
    return [refreshAt, warnAt, endsAt, gap].map((time) => time / 1_000);
  };
  const long = session(900, 86_400, 864_000, 82_800);
  assert.deepEqual(seconds(long, {}, 0), [675, 82_800, 86_400, 5]);
  assert.deepEqual(seconds(long, {}, 1), [652.5, 82_800, 86_400, 5], 'earlier only');
  assert.deepEqual(seconds(session(7_200, 86_400, 864_000, 82_800), {}, 0)[0], 6_900, 'at most 300 s');
  assert.deepEqual(seconds(session(80, 86_400, 864_000, 82_800), {}, 0)[0], 50, 'at least 30 s');
  assert.deepEqual(seconds(session(5, 86_400, 864_000, 82_800), {}, 0), [2.5, 82_800, 86_400, 2.5], 'at most half of it');
  assert.deepEqual(seconds(long, { refreshMargin: 60_000, refreshJitter: 0, warnBefore: 60_000, minRefreshGap: 9_000 }, 1), [840, 86_340, 86_400, 9]);
  assert.deepEqual(seconds(session(30, 30, 864_000, 22.5), {}, 0)[1], 10, 'twenty seconds of a life of thirty');
  assert.deepEqual(seconds(session(10, 10, 864_000, 7.5), {}, 0)[1], 2, 'not more than a short life allows');
  assert.equal(scheduleOf(session(900, 100, 1_000, 0), {}, 0).isIdle, true);
  assert.equal(scheduleOf(session(900, 2_000, 1_000, 0), {}, 0).isIdle, false);
});

test('of no session nothing is ever due', () => {
  for (const time of Object.values(scheduleOf({}, {}, 0))) assert.equal(Date.now() >= time && time !== false, false);
});

test('a key is drawn once for a generation: 244 random bits', () => {
  const record = withKey(open(tokens('s1', 4)));
  const key = record.keys[4];
  assert.match(key, /^[\da-f-]{72}$/);
  assert.equal(withKey(record).keys[4], key);
  const seen = new Set(Array.from({ length: 500 }, () => withKey(open(tokens('s1', 0))).keys[0]));
  assert.equal(seen.size, 500);
});

test('a jar that went back finds its key, and the six newest are kept beside it', () => {
  let record = open(tokens('s1', 10));
  for (let generation = 10; generation < 20; generation++) record = withKey({ ...record, generation });
  assert.deepEqual(Object.keys(record.keys).map(Number), [14, 15, 16, 17, 18, 19]);
  const before = record.keys[14];
  assert.equal(withKey({ ...record, generation: 14 }).keys[14], before);
  assert.ok(withKey({ ...record, generation: 3 }).keys[3]);
});

test('an answer is stored if it is of the same session and newer', () => {
  const record = open(tokens('s1', 4));
  const presented = { id: 's1', generation: 4 };
  assert.equal(accept(record, presented, tokens('s1', 5)).generation, 5);
  assert.equal(accept(record, presented, tokens('s1', 4)), record, 'not newer');
  assert.equal(accept(open(tokens('s2', 0)), presented, tokens('s1', 5)).id, 's2', 'a new login meanwhile');
  assert.equal(accept(record, presented, tokens('form', 0)).id, 'form', 'the jar was given another session');
  const left = accept(leave(record, false), presented, tokens('s1', 5));
  assert.equal(left.session, undefined, 'signed out meanwhile');
  assert.ok(!isLive(left));
  assert.equal(accept(leave(record, false), presented, tokens('form', 0)).id, 's1');
});

test('401, 409 and 412 count only if storage still holds what was presented', () => {
  const record = open(tokens('s1', 4));
  const change = { ended: 'admin' };
  assert.equal(ifStillHeld(record, { id: 's1', generation: 4 }, change).ended, 'admin');
  assert.equal(ifStillHeld(record, { id: 's1', generation: 3 }, change), record);
  assert.equal(ifStillHeld(record, { id: 's0', generation: 4 }, change), record);
});

test('a sign-out everywhere stays one', () => {
  const record = leave(leave(open(tokens('s1', 0)), true), false);
  assert.equal(record.leaving, 'everywhere');
  assert.equal(record.session, undefined);
  assert.ok(!isLive(record) && !isLive(emptyRecord()));
});
