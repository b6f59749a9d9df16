import { useEffect, useState } from 'preact/hooks';
import { listPins, unpin } from '../api/routes';
import type { Message } from '../api/types';
import { guildOf } from '../store/guilds';
import { pinChanges } from '../store/messages';
import { mayIn, Permission } from '../store/permissions';
import { closePanel, tell } from '../store/view';
import { reason, text } from '../text';
import { jumpTo } from './follow';
import { MessageCard } from './message_card';
import { Panel } from './panel';

export function PinsPanel({ channel }: { channel: string }) {
    const [list, setList] = useState<Message[] | null>(null);
    const [error, setError] = useState<string | null>(null);
    useEffect(() => void listPins(channel).then(setList, (e: unknown) => setError(reason(e))), [channel, pinChanges.value]);
    const guild = guildOf(channel);
    const mayUnpin = mayIn(channel, Permission.Pin | Permission.ManageMessages);
    const jump = (m: Message): void => {
        if (matchMedia('(max-width: 760px)').matches) closePanel();
        jumpTo(guild?.id ?? null, channel, m.id);
    };
    return (
        <Panel title={text.chat.pins}>
            {error && <p class="error" role="alert">{error}</p>}
            {list?.length === 0 && <p class="hint">{text.chat.noPins}</p>}
            <ul class="cards">
                {list?.map((m) => (
                    <MessageCard key={m.id} guild={guild} message={m} onJump={() => jump(m)}>
                        {mayUnpin && <button type="button" onClick={() => unpin(channel, m.id).catch((e: unknown) => tell(reason(e)))}>{text.message.unpin}</button>}
                    </MessageCard>
                ))}
            </ul>
        </Panel>
    );
}
