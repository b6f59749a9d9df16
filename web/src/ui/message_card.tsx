// A message out of its channel: in search results and among the pins.
import type { ComponentChildren } from 'preact';
import type { Message } from '../api/types';
import { colorIn, nameIn, type Guild } from '../store/guilds';
import { timeOf } from '../store/snowflake';
import { text } from '../text';
import { Attachments } from './attachments';
import { Avatar } from './avatar';
import { Markdown } from './markdown/render';
import { fullTime, messageTime } from './time';

export function MessageCard(p: { guild: Guild | undefined; message: Message; onJump: () => void; children?: ComponentChildren }) {
    const m = p.message;
    const name = nameIn(p.guild, m.author);
    return (
        <li class="card-message">
            <Avatar id={m.author.id} name={name} size={32} />
            <div class="card-main">
                <div class="message-head">
                    <strong style={{ color: colorIn(p.guild, m.author.id) }}>{name}</strong>
                    <time dateTime={m.timestamp} title={fullTime(timeOf(m.id))}>{messageTime(timeOf(m.id))}</time>
                </div>
                {m.content && <div class="content"><Markdown source={m.content} /></div>}
                <Attachments list={m.attachments} />
                {!m.content && !m.attachments.length && <em class="system">{text.chat.file}</em>}
                <div class="card-actions">
                    <button type="button" onClick={p.onJump}>{text.chat.jump}</button>
                    {p.children}
                </div>
            </div>
        </li>
    );
}
