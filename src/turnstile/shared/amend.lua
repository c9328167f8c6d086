-- Corrects what was counted.
--
--   KEYS   the windows of each place that counted it
--   ARGV   when; images, pixels, nano-credits that it is less; 1 if it is as if it had never been
local time, images, pixels, nanos, whole = arg(), arg(), arg(), arg(), arg()
for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left > 0 then
    local w = load(key)
    if whole == 1 then remove(w, time, images) end
    for _, c in pairs(w.counters) do
      if whole == 1 then
        take(c, time, weight_of(c.unit, images, pixels, nanos))
      elseif c.unit == 3 then
        take(c, time, nanos)
      end
    end
    save(key, w, left)
  end
end
return #KEYS
