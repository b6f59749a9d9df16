-- Takes changed users whose time has come, works out what is shown of each, stores it, and returns those for whom it
-- differs from what was shown before. ARGV: the most users to take.
-- Returns {taken, {user, status, desktop, mobile, web, activities, {guild...}, {session, status, client, activities...}}...}:
-- the guilds to tell (a friend as u and the id), and the user's own sessions, which the user is told of whatever others see.
-- In presence:{user}: status, desktop, mobile, web, activities and guilds are what was shown last, and where; left: where a session
-- was shown and then was not, since.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rank = {online = 3, idle = 2, dnd = 1}
local shown = {'status', 'desktop', 'mobile', 'web', 'activities'}

-- Whether session a comes before b: by status, then those that show something, then by name: always the same one.
local function before(a, b)
    if a.rank ~= b.rank then
        return a.rank > b.rank
    end
    if (a.activities == '[]') ~= (b.activities == '[]') then
        return b.activities == '[]'
    end
    return a.field < b.field
end

local function look(key)
    local stored, best, clients, guilds, sessions = {}, nil, {}, {}, {}
    local pairs_ = redis.call('HGETALL', key)
    for i = 1, #pairs_, 2 do
        local field, value = pairs_[i], pairs_[i + 1]
        if string.sub(field, 1, 1) ~= '@' then
            stored[field] = value
        else
            local row = cmsgpack.unpack(value)
            local session = {field = field, rank = rank[row[1]] or 0, status = row[1], activities = row[4]}
            for _, told in ipairs({string.match(field, '/(.*)$') or field, row[1], row[2], row[4]}) do
                sessions[#sessions + 1] = told
            end
            if session.rank > 0 and (not best or before(session, best)) then
                best = session
            end
            if session.rank > (rank[clients[row[2]]] or 0) then
                clients[row[2]] = row[1]
            end
            for guild in string.gmatch(row[3], 'u?%d+') do
                guilds[guild] = true
            end
        end
    end
    local now_shown = {
        status = best and best.status or 'offline',
        desktop = clients.desktop or '', mobile = clients.mobile or '', web = clients.web or '',
        activities = best and best.activities or '[]',
    }
    return stored, now_shown, guilds, sessions
end

local function settle(user)
    local key = 'presence:' .. user
    local stored, now_shown, guilds, sessions = look(key)
    local update, differs = {user}, stored.forgotten ~= nil
    for _, field in ipairs(shown) do
        local was = stored[field] or (field == 'status' and 'offline' or field == 'activities' and '[]' or '')
        differs = differs or was ~= now_shown[field]
        update[#update + 1] = now_shown[field]
    end
    local told, list, to_tell = {}, {}, {}
    for guild in string.gmatch(stored.guilds or '', 'u?%d+') do
        told[guild] = true
    end
    for guild in string.gmatch(stored.left or '', 'u?%d+') do
        told[guild] = guilds[guild] == nil and told[guild] or nil
    end
    for guild in pairs(guilds) do
        list[#list + 1] = guild
        if differs or (not told[guild] and now_shown.status ~= 'offline') then
            to_tell[#to_tell + 1] = guild
        end
    end
    for guild in pairs(told) do
        if differs and not guilds[guild] then
            to_tell[#to_tell + 1] = guild
        end
    end
    if #sessions == 0 then
        redis.call('DEL', key)
    else
        redis.call('HDEL', key, 'forgotten', 'left')
        redis.call('HSET', key, 'status', now_shown.status, 'desktop', now_shown.desktop, 'mobile', now_shown.mobile,
            'web', now_shown.web, 'activities', now_shown.activities, 'guilds', table.concat(list, ','))
    end
    update[#update + 1] = to_tell
    update[#update + 1] = sessions
    return update, #to_tell + #sessions
end

local users = redis.call('ZRANGEBYSCORE', 'presence:changed', '-inf', now, 'LIMIT', 0, ARGV[1])
local updates = {#users}
for _, user in ipairs(users) do
    redis.call('ZREM', 'presence:changed', user)
    local update, n = settle(user)
    if n > 0 then
        updates[#updates + 1] = update
    end
end
return updates
