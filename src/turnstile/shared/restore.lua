-- Counts what a node admitted and this server has forgotten or was never told.
--
--   KEYS   the era, the windows of one subject
--   ARGV   the era's name; the subject's bounds; counts, each as unit, window, how long ago and
--          amount; then stamps, each as how long ago and images
if string.sub(redis.call('GET', KEYS[1]) or '', 1, #ARGV[1]) ~= ARGV[1] then return -1 end
at = 1
local bounds = read_bounds()
local now = clock()
local w = load(KEYS[2])
w.latest = math.max(w.latest, now)
now = w.latest
prepare(w, bounds)
local is_told = {}
for _ = 1, arg() do
  local limit = { unit = arg(), window = arg() }
  limit.name = limit.unit .. ':' .. limit.window
  local c, time, amount = counter(w, limit), now - arg(), arg()
  add(c, time, amount)
  is_told[c] = true
end
for _ = 1, arg() do
  local time, images = now - arg(), arg()
  insert(w, time, images, bounds.kept)
  -- A counter of which that node has none counts its stamps, as far as they tell it anything.
  for _, c in pairs(w.counters) do
    if not is_told[c] then add(c, time, weight_of(c.unit, images, 0, 0)) end
  end
end
w.seen = w.seen + 1
for _, c in pairs(w.counters) do c.seen = w.seen end
save(KEYS[2], w, keep_ms(bounds))
return w.size
