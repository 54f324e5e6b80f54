#!lua
-- Notes a session in its subject's index, and has the index live as long as its longest session.
-- KEYS: index. ARGV: the session's id, the index's expiry (ms), [anything: to write even if all is there, for replicas].
-- The score is when it was noted.
local now = redis.call('TIME')
local noted = redis.call('ZADD', KEYS[1], 'NX', now[1], ARGV[1])
if redis.call('PEXPIRETIME', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIREAT', KEYS[1], ARGV[2])
elseif noted == 0 and ARGV[3] then
  redis.call('ZADD', KEYS[1], 0, '')
  redis.call('ZREM', KEYS[1], '')
end
return 1
