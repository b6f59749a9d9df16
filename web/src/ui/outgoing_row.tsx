// A message of mine that is not there yet.
import { nameOfUser } from '../store/guilds';
import { me } from '../store/me';
import { cancel, drop, retry, type Outgoing } from '../store/outbox';
import { text } from '../text';
import { Avatar } from './avatar';
import { sizeOf } from './files';
import { Markdown } from './markdown/render';

export function OutgoingRow({ out }: { out: Outgoing }) {
    const user = me.value!;
    const failed = out.state === 'failed';
    return (
        <li class="message outgoing" data-state={out.state} aria-busy={!failed}>
            <div class="message-side"><Avatar id={user.id} name={nameOfUser(user)} /></div>
            <div class="message-main">
                <div class="message-head"><span class="author">{nameOfUser(user)}</span></div>
                {out.content && <div class="content"><Markdown source={out.content} /></div>}
                {out.files.map((f) => <div class="hint">{f.name}, {sizeOf(f.size)}</div>)}
                {out.files.length > 0 && !failed && (
                    <div class="upload">
                        <progress max={1} value={out.progress} aria-label={text.message.sending} />
                        <button type="button" class="link" onClick={() => cancel(out.nonce)}>{text.message.cancel}</button>
                    </div>
                )}
                {failed && (
                    <p class="failed" role="alert">
                        {text.message.failed} {out.reason}{' '}
                        <button type="button" class="link" onClick={() => retry(out.nonce)}>{text.message.retry}</button>{' '}
                        <button type="button" class="link" onClick={() => drop(out.nonce)}>{text.message.drop}</button>
                    </p>
                )}
            </div>
        </li>
    );
}
