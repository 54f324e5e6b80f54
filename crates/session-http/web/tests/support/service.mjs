// The service, as far as a client can tell: the rotation table, the two cookies, and a network that can be made to fail.

const MINUTE = 60_000;

export class FakeService {
  /** What reached it: `POST /auth/refresh`, … */
  log = [];
  sessions = new Map();
  policy = { access: 15 * MINUTE, idle: 30 * 24 * 60 * MINUTE, absolute: 90 * 24 * 60 * MINUTE, warn: 60 * MINUTE };
  /** Milliseconds by which its clock is ahead of the clients'. */
  ahead = 0;
  drafts = new Map();
  /** How many refreshes are being carried out now, and were at most. */
  busy = 0;
  mostBusy = 0;
  #faults = [];
  #ids = 0;

  constructor(clock) {
    this.clock = clock;
  }

  /**
   * The next request to `path` meets `fault`: `lose` (its answer is lost), `drop` (it never arrives), `hang` (no answer until it is
   * aborted), or a function that answers instead of the service.
   */
  next(path, fault, times = 1) {
    for (let time = 0; time < times; time++) this.#faults.push({ path, fault });
  }

  calls(line) {
    return this.log.filter((entry) => entry.line === line);
  }

  now() {
    return this.clock.now() + this.ahead;
  }

  async fetch(browser, request) {
    const path = new URL(request.url).pathname;
    const place = this.#faults.findIndex((fault) => fault.path === path);
    const [{ fault } = {}] = place >= 0 ? this.#faults.splice(place, 1) : [];
    const aborted = new Promise((_, reject) => {
      if (request.signal.aborted) reject(request.signal.reason);
      request.signal.addEventListener('abort', () => reject(request.signal.reason));
    });
    aborted.catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    if (fault === 'drop' || (!fault && this.down === 'drop')) throw new TypeError('network');
    if (fault === 'hang') return aborted;
    const answer = async () => {
      if (typeof fault === 'function') return { response: await fault(request) };
      if (this.down) return { response: this.down(request) };
      return this.#answer(browser, request, path);
    };
    const { response, cookies } = await Promise.race([answer(), aborted]);
    if (fault === 'lose') throw new TypeError('network');
    await Promise.race([new Promise((resolve) => setImmediate(resolve)), aborted]);
    if (cookies) browser.jar = cookies;
    return response;
  }

  async #answer(browser, request, path) {
    const body = request.body ? await request.json() : undefined;
    const line = `${request.method} ${path}`;
    const entry = { line, body, headers: Object.fromEntries(request.headers), at: this.clock.now() };
    this.log.push(entry);
    const jar = browser.jar;
    if (line === 'POST /auth/login') return this.#login(body, jar);
    if (line === 'POST /auth/refresh') {
      this.mostBusy = Math.max(this.mostBusy, ++this.busy);
      await new Promise((resolve) => setImmediate(resolve));
      this.busy--;
      return this.#refresh(request, body, jar);
    }
    if (line === 'POST /auth/logout') {
      const token = body?.refresh_token ? parse(body.refresh_token) : jar.refresh;
      const session = this.sessions.get(token?.id);
      if (session) session.revoked ??= 'logout';
      return { response: new Response(null, { status: 204 }), cookies: { refresh: null, access: null } };
    }
    const access = this.#access(request, jar);
    if (access.problem) return { response: access.problem };
    const { session } = access;
    if (line === 'GET /auth/session') return { response: json(this.#info(session, access.token.until)) };
    if (line === 'DELETE /auth/sessions') {
      for (const other of this.sessions.values()) if (other.subject === session.subject) other.revoked ??= 'ended_elsewhere';
      return { response: json({ revoked: 1 }) };
    }
    if (path.startsWith('/auth/drafts/')) return { response: this.#draft(request, path, body, session) };
    return { response: json({ ok: path, subject: session.subject }) };
  }

  #login({ username, password, rotation = 'grace', transport }, jar) {
    if (password !== 'right') return { response: problem(401, 'invalid_credentials') };
    const replaced = this.sessions.get(jar.refresh?.id);
    if (replaced) replaced.revoked ??= 'replaced';
    const now = this.now();
    const session = { id: `s${++this.#ids}`, subject: username, rotation, generation: 0, keys: [], created: now, used: now };
    this.sessions.set(session.id, session);
    return this.#grant(session, transport === 'body');
  }

  #refresh(request, body, jar) {
    const token = body?.refresh_token ? parse(body.refresh_token) : jar.refresh;
    if (!token) return { response: problem(401, 'refresh_token_missing') };
    const session = this.sessions.get(token.id);
    const key = request.headers.get('Idempotency-Key');
    const condition = request.headers.get('If-Match');
    const byBody = Boolean(body?.refresh_token);
    const over = this.#over(session);
    if (over) return { response: over };
    if (session.rotation === 'keyed' && !key) return { response: problem(400, 'idempotency_key_required') };
    if (session.rotation === 'keyed' && !condition) return { response: problem(428, 'precondition_required') };
    if (condition && condition !== `"${token.generation}"`) {
      return { response: problem(412, 'refresh_raced', { generation: token.generation }) };
    }
    if (token.generation === session.generation) {
      session.keys = [...session.keys.slice(-3), [token.generation, key]];
      session.generation++;
      session.used = this.now();
      return this.#grant(session, byBody);
    }
    const remembered = session.keys.find(([generation]) => generation === token.generation);
    const same = session.rotation === 'grace' || remembered?.[1] === key;
    if (token.generation === session.generation - 1 && same) return this.#grant(session, byBody, true);
    if (!remembered || same) return { response: problem(409, 'refresh_superseded') };
    session.revoked = 'reuse';
    return { response: problem(401, 'refresh_token_reused', { reason: 'reuse' }) };
  }

  #grant(session, byBody, replayed = false) {
    const until = Math.min(this.now() + this.policy.access, this.#ends(session));
    const refresh = { id: session.id, generation: session.generation };
    const access = { id: session.id, until };
    const tokens = byBody ? { access_token: print(access), refresh_token: print(refresh) } : {};
    const headers = replayed ? { 'Idempotency-Replayed': 'true' } : {};
    return {
      response: json({ ...tokens, token_type: 'Bearer', session: this.#info(session, until) }, 200, headers),
      cookies: byBody ? undefined : { refresh, access },
    };
  }

  #access(request, jar) {
    const bearer = request.headers.get('Authorization')?.slice('Bearer '.length);
    const token = bearer ? parse(bearer) : jar.access;
    if (!token) return { problem: problem(401, 'token_missing') };
    if (token.until <= this.now()) return { problem: problem(401, 'token_expired') };
    const session = this.sessions.get(token.id);
    const over = this.#over(session);
    return over ? { problem: over } : { session, token };
  }

  #over(session) {
    if (!session) return problem(401, 'refresh_token_invalid');
    if (session.revoked) return problem(401, 'session_revoked', { reason: session.revoked });
    if (this.now() < this.#ends(session)) return undefined;
    return problem(401, 'session_expired', { reason: this.now() >= session.created + this.policy.absolute ? 'absolute' : 'idle' });
  }

  #ends(session) {
    return Math.min(session.used + this.policy.idle, session.created + this.policy.absolute);
  }

  #info(session, until) {
    const iso = (time) => new Date(time).toISOString();
    const { idle, absolute, warn } = this.policy;
    const ends = this.#ends(session);
    return {
      id: session.id,
      subject: session.subject,
      generation: session.generation,
      created_at: iso(session.created),
      last_used_at: iso(session.used),
      access_expires_at: iso(until),
      idle_expires_at: iso(session.used + idle),
      expires_at: iso(session.created + absolute),
      ends_at: iso(ends),
      warn_at: iso(ends - Math.min(warn, idle / 4)),
      server_time: iso(this.now()),
      phase: 'active',
      rotation: session.rotation,
      remembered: true,
      device: { label: null, user_agent: null, ip: null },
      current: true,
    };
  }

  #draft(request, path, body, session) {
    const key = `${session.subject} ${path}`;
    const found = this.drafts.get(key);
    if (request.method === 'GET') {
      return found ? json({ key: path, ...found }, 200, { ETag: `"${found.etag}"` }) : problem(404, 'not_found');
    }
    const condition = request.headers.get('If-Match') ?? request.headers.get('If-None-Match');
    if (!condition && request.method === 'PUT') return problem(428, 'precondition_required');
    const holds = !condition || (condition === '*' ? !found : condition === `"${found?.etag}"`);
    if (!holds) {
      const { value = null, etag = null } = found ?? {};
      return problem(412, 'draft_conflict', { current: value, etag }, found ? { ETag: `"${etag}"` } : {});
    }
    if (request.method === 'DELETE') {
      this.drafts.delete(key);
      return new Response(null, { status: 204 });
    }
    const etag = `e${this.log.length}`;
    this.drafts.set(key, { value: body, etag });
    return json({ key, etag }, found ? 200 : 201, { ETag: `"${etag}"` });
  }
}

export const problem = (status, code, more = {}, headers = {}) =>
  new Response(JSON.stringify({ status, code, title: code, detail: code, ...more }), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
  });

export const html = (status = 200) => () =>
  new Response('<!doctype html><title>Wi-Fi login</title>', { status, headers: { 'Content-Type': 'text/html' } });

const json = (body, status = 200, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });

const print = (token) => JSON.stringify(token);
const parse = (text) => JSON.parse(text);
