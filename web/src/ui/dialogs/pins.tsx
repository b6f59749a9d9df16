import { useEffect, useState } from 'preact/hooks';
import { listPins } from '../../api/routes';
import type { Message } from '../../api/types';
import { nameIn } from '../../store/guilds';
import { currentGuild } from '../../store/view';
import { reason, text } from '../../text';
import { jumpTo } from '../follow';
import { Markdown } from '../markdown/render';
import { closeDialog, Dialog } from './dialog';

export function Pins({ channel }: { channel: string }) {
    const [list, setList] = useState<Message[] | null>(null);
    const [error, setError] = useState<string | null>(null);
    useEffect(() => void listPins(channel).then(setList, (e: unknown) => setError(reason(e))), [channel]);
    const guild = currentGuild.value;
    return (
        <Dialog title={text.chat.pins}>
            {error && <p class="error" role="alert">{error}</p>}
            {list?.length === 0 && <p class="hint">{text.chat.noPins}</p>}
            <ul class="pins">
                {list?.map((m) => (
                    <li key={m.id}>
                        <div><strong>{nameIn(guild, m.author)}</strong><br /><Markdown source={m.content || text.chat.file} /></div>
                        <button type="button" onClick={() => { closeDialog(); jumpTo(guild?.id ?? null, channel, m.id); }}>{text.chat.jump}</button>
                    </li>
                ))}
            </ul>
        </Dialog>
    );
}
