#!lua
-- Notes a session in its subject's index, and has the index live as long as its longest session.
-- KEYS: index. ARGV: the session's id, the index's expiry (ms), [anything: to write also what is there already, for replicas].
-- The score is when it was noted.
local now = redis.call('TIME')
local noted = redis.call('ZADD', KEYS[1], 'NX', now[1], ARGV[1])
local expiry = redis.call('PEXPIRETIME', KEYS[1])
if expiry < tonumber(ARGV[2]) then
  redis.call('PEXPIREAT', KEYS[1], ARGV[2])
elseif noted == 0 and ARGV[3] then
  -- As text: a number may be passed on with an exponent.
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expiry))
end
return 1
