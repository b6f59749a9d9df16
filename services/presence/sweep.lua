-- Removes sessions whose lease has ended. ARGV: the most to remove. Returns how many were.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ended = redis.call('ZRANGEBYSCORE', 'presence:due', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, due in ipairs(ended) do
    local user, session = string.match(due, '^(%d+) (.*)$')
    redis.call('ZREM', 'presence:due', due)
    redis.call('HDEL', 'presence:' .. user, '@' .. session)
    redis.call('ZADD', 'presence:changed', 'NX', now, user)
end
return #ended
