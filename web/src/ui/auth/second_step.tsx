// The password was right; a second factor is asked for.
import { ApiError } from '../../api/client';
import { finishSignIn } from '../../store/session';
import { text } from '../../text';
import { Card, CodeField } from './card';

export function SecondStep({ ticket, onBack }: { ticket: string; onBack: () => void }) {
    return (
        <Card
            title={text.secondFactor.title}
            label={text.auth.signIn}
            fields={['code']}
            explain={(e) => (e instanceof ApiError && e.status < 429 ? text.secondFactor.wrong : undefined)}
            onSubmit={(get) => finishSignIn(ticket, get('code'))}
            more={<button type="button" class="link" onClick={onBack}>{text.auth.back}</button>}
        >
            {(errorOf) => <CodeField error={errorOf('code')} />}
        </Card>
    );
}
