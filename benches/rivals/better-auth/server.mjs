// better-auth with its sessions in Redis (`secondaryStorage`), users in memory: reading a session does not touch them.
//
// It has no refresh tokens: a session is one cookie, whose life a read prolongs once it is `updateAge` old. COOKIE_CACHE=1 switches on
// its signed copy of the session in a second cookie, which is read without Redis for five minutes.
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { Redis } from 'ioredis';

const redis = new Redis(process.env.REDIS_URL);
const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const address = `http://127.0.0.1:${server.address().port}`;

const auth = betterAuth({
  baseURL: address,
  secret: 'a-secret-of-this-measurement-only-0123456789abcdef',
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  secondaryStorage: {
    get: (key) => redis.get(key),
    set: (key, value, ttl) => (ttl ? redis.set(key, value, 'EX', ttl) : redis.set(key, value)),
    delete: (key) => redis.del(key),
  },
  emailAndPassword: { enabled: true },
  session: {
    updateAge: Number(process.env.UPDATE_AGE ?? 24 * 3600),
    cookieCache: { enabled: process.env.COOKIE_CACHE === '1', maxAge: 300 },
  },
  // On in production, and it would refuse what is measured.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: 'error' },
});

server.on('request', toNodeHandler(auth));
console.log(`listening on ${address}`);
