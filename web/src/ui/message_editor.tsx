import { useEffect, useRef, useState } from 'preact/hooks';
import { editMessage } from '../api/routes';
import type { Message } from '../api/types';
import { asTyped } from '../store/emojis';
import { tell } from '../store/view';
import { reason, text } from '../text';
import { focusComposer } from './composer_text';
import { withEmoji } from './emoji';
import { editing } from './follow';
import { remove } from './message_row';
import { fit } from './fit';

export function MessageEditor({ message }: { message: Message }) {
    const [content, setContent] = useState(() => asTyped(message.content, message.channel_id));
    const area = useRef<HTMLTextAreaElement>(null);
    useEffect(() => {
        const box = area.current!;
        box.focus();
        box.setSelectionRange(box.value.length, box.value.length);
        fit(box);
    }, []);
    const end = (): void => {
        editing.value = null;
        focusComposer();
    };
    const save = async (): Promise<void> => {
        const next = withEmoji(content.trim(), message.channel_id);
        if (!next && !message.attachments.length) return void remove(message, false);
        end();
        if (next === message.content) return;
        try {
            await editMessage(message.channel_id, message.id, next);
        } catch (e) {
            tell(reason(e));
        }
    };
    return (
        <div class="editor">
            <textarea
                ref={area}
                rows={1}
                maxLength={2000}
                aria-label={text.message.edit}
                value={content}
                onInput={(e) => { setContent(e.currentTarget.value); fit(e.currentTarget); }}
                onKeyDown={(e) => {
                    if (e.key === 'Escape') { e.preventDefault(); e.stopPropagation(); end(); }
                    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); void save(); }
                }}
            />
            <small class="hint">{text.message.editHint}</small>
        </div>
    );
}
