-- Counts what a node admitted and this server has forgotten or was never told.
--
--   KEYS   the era, the windows of one subject
--   ARGV   the era's name; the subject's bounds; stamps, each as how long ago and images; then
--          counts, each as unit, window, how long ago and amount
if string.sub(redis.call('GET', KEYS[1]) or '', 1, #ARGV[1]) ~= ARGV[1] then return -1 end
at = 1
local bounds = read_bounds()
local now = clock()
local w = load(KEYS[2])
w.latest = math.max(w.latest, now)
now = w.latest
for _, limit in ipairs(bounds.limits) do
  if limit.exact == 0 then counter(w, limit) end
end
w.seen = w.seen + 1
for _ = 1, arg() do
  local time = now - arg()
  insert(w, time, arg(), bounds.kept)
end
for _ = 1, arg() do
  local name, time = arg() .. ':' .. arg(), now - arg()
  local amount = arg()
  if w.counters[name] then add(w.counters[name], time, amount) end
end
for _, c in pairs(w.counters) do c.seen = w.seen end
save(KEYS[2], w, keep_ms(bounds))
return w.size
