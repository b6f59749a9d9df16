import { token } from '../store/me';
import { announcement, notice } from '../store/view';
import { Auth } from './auth';
import { Dialogs } from './dialogs/dialogs';
import { Lightbox } from './lightbox';
import { Popover } from './popover';
import { Shell } from './shell';

export function App() {
    return (
        <>
            {token.value ? <Shell /> : <Auth />}
            <Dialogs />
            <Popover />
            <Lightbox />
            <div class="visually-hidden" role="log" aria-live="polite">
                {announcement.value}
            </div>
            <div class="notice-place" role="status">
                {notice.value && <div class="notice">{notice.value}</div>}
            </div>
        </>
    );
}
