// "Are you sure?", as a promise.
import { signal } from '@preact/signals';
import { text } from '../../text';
import { Dialog } from './dialog';

interface Question {
    title: string;
    sure: string;
    quote?: string;
    answer(yes: boolean): void;
}
const question = signal<Question | null>(null);

export function confirm(title: string, sure: string, quote?: string): Promise<boolean> {
    question.value?.answer(false);
    return new Promise((done) => {
        question.value = {
            title,
            sure,
            quote,
            answer(yes) {
                question.value = null;
                done(yes);
            },
        };
    });
}

export function Confirm() {
    const q = question.value;
    if (!q) return null;
    return (
        <Dialog title={q.title} onClose={() => q.answer(false)}>
            <p>{q.sure}</p>
            {q.quote && <blockquote class="quote">{q.quote}</blockquote>}
            <footer>
                <button type="button" onClick={() => q.answer(false)}>{text.common.cancel}</button>
                <button type="button" class="primary danger" autofocus onClick={() => q.answer(true)}>{q.title}</button>
            </footer>
        </Dialog>
    );
}
