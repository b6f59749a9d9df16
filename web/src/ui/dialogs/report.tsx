// A message is told of to those who run this Hubbub.
import { useState } from 'preact/hooks';
import { reportMessage } from '../../api/routes';
import { text } from '../../text';
import { closeDialog, Dialog } from './dialog';
import { Form } from './form';

export function ReportDialog({ channel, message }: { channel: string; message: string }) {
    const [sent, setSent] = useState(false);
    const t = text.report;
    return (
        <Dialog title={t.title}>
            {sent ? (
                <>
                    <p role="status">{t.sent}</p>
                    <footer><button type="button" class="primary" autofocus onClick={closeDialog}>{text.common.ok}</button></footer>
                </>
            ) : (
                <Form label={t.send} danger extra={<button type="button" onClick={closeDialog}>{text.common.cancel}</button>} onSubmit={async (get) => { await reportMessage(channel, message, get('reason'), get('comment') || null); setSent(true); }}>
                    <p class="hint">{t.hint}</p>
                    <label class="field"><span>{t.reason}</span><select name="reason" required>{Object.entries(t.reasons).map(([key, label]) => <option value={key}>{label}</option>)}</select></label>
                    <label class="field"><span>{t.comment}</span><textarea name="comment" rows={3} maxLength={1000} /></label>
                </Form>
            )}
        </Dialog>
    );
}
