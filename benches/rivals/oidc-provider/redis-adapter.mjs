// Where oidc-provider keeps its models, with the commands of the Redis adapter in its repository (`example/adapters/redis.js`).
import { Redis } from 'ioredis';

const redis = new Redis(process.env.REDIS_URL, { keyPrefix: 'oidc:' });

/** Models that end with their grant. */
const OF_A_GRANT = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode', 'BackchannelAuthenticationRequest']);
/** Models that remember that they were used: hashes, with the use in a field of its own. */
const CONSUMABLE = new Set(['AuthorizationCode', 'RefreshToken', 'DeviceCode', 'BackchannelAuthenticationRequest']);

const grantKey = (grantId) => `grant:${grantId}`;
const userCodeKey = (userCode) => `userCode:${userCode}`;
const uidKey = (uid) => `uid:${uid}`;

export class RedisAdapter {
  constructor(model) {
    this.model = model;
    this.consumable = CONSUMABLE.has(model);
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const key = this.key(id);
    const value = JSON.stringify(payload);
    const batch = redis.multi();
    if (this.consumable) batch.hset(key, { payload: value });
    else batch.set(key, value);
    if (expiresIn) batch.expire(key, expiresIn);
    if (OF_A_GRANT.has(this.model) && payload.grantId) {
      const members = grantKey(payload.grantId);
      batch.rpush(members, key);
      // The list lives as long as its longest member.
      if (expiresIn > (await redis.ttl(members))) batch.expire(members, expiresIn);
    }
    for (const index of [payload.userCode && userCodeKey(payload.userCode), payload.uid && uidKey(payload.uid)]) {
      if (index) batch.set(index, id).expire(index, expiresIn);
    }
    await batch.exec();
  }

  async find(id) {
    if (!this.consumable) {
      const value = await redis.get(this.key(id));
      return value ? JSON.parse(value) : undefined;
    }
    const { payload, ...fields } = await redis.hgetall(this.key(id));
    return payload ? { ...fields, ...JSON.parse(payload) } : undefined;
  }

  async findByUid(uid) {
    return this.find(await redis.get(uidKey(uid)));
  }

  async findByUserCode(userCode) {
    return this.find(await redis.get(userCodeKey(userCode)));
  }

  async consume(id) {
    await redis.hset(this.key(id), 'consumed', Math.floor(Date.now() / 1000));
  }

  async destroy(id) {
    await redis.del(this.key(id));
  }

  async revokeByGrantId(grantId) {
    const members = await redis.lrange(grantKey(grantId), 0, -1);
    const batch = redis.multi();
    for (const key of members) batch.del(key);
    batch.del(grantKey(grantId));
    await batch.exec();
  }
}
