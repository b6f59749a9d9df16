-- A gateway's beat, or a part of it.
-- ARGV: lease in ms, settle delay in ms, gateway, then 7 a session:
--   user, session, "closed" or "", status, client, guild ids and friends "1,2,u3", activities.
--   "" keeps what is stored; guild ids "-" are none.
-- Keys: presence:{user} is a hash; "@gateway/session" holds {status, client, guilds, activities}.
--       presence:due scores "user gateway/session" with the time its lease ends.
--       presence:changed scores users with the time at which settle.lua looks at them.
--       presence:epoch holds a field for each gateway that has beaten since Redis was last wiped.
-- Returns 1 when something that this gateway announced before is gone, else 0.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease, settle, gateway = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local wiped = redis.call('HSETNX', 'presence:epoch', gateway, now)

-- Shortly after a wipe a session may end that was never announced again: those who saw it are told nonetheless.
local WIPE_MS = 10000
local since_wipe = now - tonumber(redis.call('HGET', 'presence:epoch', gateway))

local function forget_unknown(key, guilds)
    if since_wipe < WIPE_MS and guilds ~= '' and guilds ~= '-' and redis.call('HEXISTS', key, 'status') == 0 then
        redis.call('HSET', key, 'forgotten', '1', 'guilds', guilds)
        return true
    end
end

local function changed(user)
    redis.call('ZADD', 'presence:changed', 'NX', now + settle, user)
end

-- What a session is shown in no more: it may be again before anybody looks, and has forgotten what it was told.
local function note_left(key, was, is)
    local left = {}
    for guild in string.gmatch(was, 'u?%d+') do
        left[guild] = true
    end
    for guild in string.gmatch(is, 'u?%d+') do
        left[guild] = nil
    end
    for guild in pairs(left) do
        redis.call('HSET', key, 'left', (redis.call('HGET', key, 'left') or '') .. guild .. ',')
    end
end

for i = 4, #ARGV, 7 do
    local user, session = ARGV[i], gateway .. '/' .. ARGV[i + 1]
    local key, field, due = 'presence:' .. user, '@' .. session, user .. ' ' .. session
    local old = redis.call('HGET', key, field)
    if ARGV[i + 2] == 'closed' then
        redis.call('ZREM', 'presence:due', due)
        if redis.call('HDEL', key, field) == 1 or forget_unknown(key, ARGV[i + 5]) then
            changed(user)
        end
    elseif not old and ARGV[i + 3] == '' then
        wiped = 1 -- only alive, but unknown here
    else
        local row = old and cmsgpack.unpack(old) or {'', 'desktop', '', '[]'}
        local was = row[3]
        for j = 1, 4 do
            local value = ARGV[i + 2 + j]
            if value ~= '' then
                row[j] = value
            end
        end
        if row[3] == '-' then
            row[3] = ''
        end
        local new = cmsgpack.pack(row)
        if new ~= old then
            redis.call('HSET', key, field, new)
            note_left(key, was, row[3])
            changed(user)
        elseif ARGV[i + 5] ~= '' then
            -- Said anew, and the same: a guild was left and joined again in between, and has forgotten what it was told.
            redis.call('HDEL', key, 'guilds')
            changed(user)
        end
        redis.call('ZADD', 'presence:due', now + lease, due)
    end
end
return wiped
