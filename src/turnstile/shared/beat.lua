-- Keeps the leases of requests that still run.
--
--   KEYS   the leases of a subject, once for each
--   ARGV   a lease's length in ms; 1 if those that are gone are to come back; the leases' names
local now = clock()
for i, key in ipairs(KEYS) do
  local ends = now + tonumber(ARGV[1])
  if ARGV[2] == '1' then
    redis.call('ZADD', key, ends, ARGV[i + 2])
  else
    redis.call('ZADD', key, 'XX', ends, ARGV[i + 2])
  end
  redis.call('PEXPIRE', key, tonumber(ARGV[1]) * 2)
end
return #KEYS
