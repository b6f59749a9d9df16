import { text } from '../../text';
import { Dialog } from './dialog';

export function Keys() {
    return (
        <Dialog title={text.keys.title}>
            <dl class="keys">{text.keys.rows.map(([key, what]) => <div><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
        </Dialog>
    );
}
