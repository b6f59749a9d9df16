import { openDirect as ask } from '../api/routes';
import { directWith, putDirect } from '../store/directs';
import { openDirect } from '../store/view';

// Opens the DM with a user; it is made when there is none.
export async function writeTo(user: string): Promise<void> {
    const known = directWith(user);
    const channel = known ?? (await ask(user));
    if (!known) putDirect(channel); // the event may come later
    openDirect(channel.id);
}
