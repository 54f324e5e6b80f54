#!lua
-- Appends to the log of security events, each with the id of the one before it, also if that is gone. KEYS: log, mark.
-- ARGV: the mark's value, how many to keep, the time, the events.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
local last = '0-0'
local log = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not log.err then
  for i = 1, #log, 2 do
    if log[i] == 'last-generated-id' then last = log[i + 1] end
  end
end
for i = 4, #ARGV do
  last = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[i], 't', ARGV[3], 'p', last)
end
return 1
