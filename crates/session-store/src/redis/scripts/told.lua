#!lua flags=allow-oom
-- Notes that the feed has a record's revocation. KEYS: record. ARGV: its version.
local head = redis.call('GETRANGE', KEYS[1], 0, 16)
if head == ARGV[1] .. 'P' then redis.call('SETRANGE', KEYS[1], 16, 'R') end
return 1
