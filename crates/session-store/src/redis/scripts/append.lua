#!lua flags=allow-oom
-- Appends to the feed, also on a full server: what has ended must be told. KEYS: feed, mark. ARGV: the mark's value, the entries.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
for i = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'r', ARGV[i]) end
return 1
