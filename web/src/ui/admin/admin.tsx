// What the administrators of the instance look after: how it is, its people, what was reported.
import { useState } from 'preact/hooks';
import { me } from '../../store/me';
import { text } from '../../text';
import { Screen } from '../screen';
import { People } from './people';
import { Reports } from './reports';
import { Summary } from './summary';

export function Admin() {
    const [about, setAbout] = useState<string | null>(null); // whose reports
    if (!me.value?.administrator) return null;
    const t = text.admin.sections;
    return (
        <Screen
            title={text.admin.title}
            at={about ? 'reports' : undefined}
            onOpen={() => setAbout(null)}
            sections={[
                { key: 'summary', label: t.summary, draw: () => <Summary /> },
                { key: 'people', label: t.people, draw: () => <People onReports={setAbout} /> },
                { key: 'reports', label: t.reports, draw: () => <Reports key={about} author={about} onAll={() => setAbout(null)} /> },
            ]}
        />
    );
}
