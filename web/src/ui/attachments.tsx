// Files and embeds under a message. Sizes are known before the bytes come, so nothing moves when they do.
import type { APIEmbed } from 'discord-api-types/v10';
import type { Attachment } from '../api/types';
import { lightbox } from '../store/view';
import { text } from '../text';
import { sizeOf } from './files';
import { Icon } from './icons';
import { Markdown } from './markdown/render';

const WIDTH_MAX = 400;
const HEIGHT_MAX = 320;

function boxOf(a: Attachment): { width: number; height: number } | null {
    if (!a.width || !a.height) return null;
    const scale = Math.min(1, WIDTH_MAX / a.width, HEIGHT_MAX / a.height);
    return { width: Math.max(24, Math.round(a.width * scale)), height: Math.max(24, Math.round(a.height * scale)) };
}

function File({ a }: { a: Attachment }) {
    const type = a.content_type ?? '';
    const box = boxOf(a);
    if (type.startsWith('image/') && box)
        return (
            <button type="button" class="image" style={{ width: `${box.width}px`, aspectRatio: `${box.width} / ${box.height}` }} aria-label={a.description || a.filename} onClick={() => (lightbox.value = { url: a.url, name: a.filename })}>
                <img src={a.url} alt={a.description || a.filename} width={box.width} height={box.height} decoding="async" />
            </button>
        );
    if (type.startsWith('video/')) return <video class="video" src={a.url} controls preload="metadata" aria-label={a.filename} />;
    return (
        <div class="file">
            <Icon name="file" size={28} />
            <span class="file-name">
                <a href={a.url} target="_blank" rel="noopener" download={a.filename}>{a.filename}</a>
                <small>{sizeOf(a.size)}</small>
            </span>
            {type.startsWith('audio/') && <audio src={a.url} controls preload="none" aria-label={a.filename} />}
            <a class="icon-button" href={a.url} download={a.filename} aria-label={`${text.common.download}: ${a.filename}`}><Icon name="download" /></a>
        </div>
    );
}

export function Attachments({ list }: { list: Attachment[] }) {
    return list.length ? <div class="attachments">{list.map((a) => <File key={a.id} a={a} />)}</div> : null;
}

const external = { target: '_blank', rel: 'noopener noreferrer nofollow' };

function Embed({ e }: { e: APIEmbed }) {
    const color = e.color === undefined ? undefined : `#${e.color.toString(16).padStart(6, '0')}`;
    return (
        <article class="embed" style={{ borderLeftColor: color }}>
            {e.author && <div class="embed-author">{e.author.name}</div>}
            {e.title && <div class="embed-title">{e.url ? <a href={e.url} {...external}>{e.title}</a> : e.title}</div>}
            {e.description && <Markdown source={e.description} />}
            {e.fields?.length ? (
                <dl class="embed-fields">
                    {e.fields.map((f) => <div class={f.inline ? 'inline' : ''}><dt>{f.name}</dt><dd><Markdown source={f.value} /></dd></div>)}
                </dl>
            ) : null}
            {e.footer && <small class="hint">{e.footer.text}</small>}
        </article>
    );
}
export function Embeds({ list }: { list: APIEmbed[] }) {
    return list.length ? <>{list.map((e) => <Embed e={e} />)}</> : null;
}
