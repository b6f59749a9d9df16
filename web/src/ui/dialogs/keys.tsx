import { text } from '../../text';
import { Dialog } from './dialog';

export const KeyList = () => <dl class="keys">{text.keys.rows.map(([key, what]) => <div><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>;
export const Keys = () => <Dialog title={text.keys.title}><KeyList /></Dialog>;
