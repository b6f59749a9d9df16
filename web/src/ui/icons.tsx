// Line icons on a 24 grid; they take the colour of the text.
const PATHS = {
    plus: 'M12 5v14M5 12h14',
    close: 'M6 6l12 12M18 6L6 18',
    hash: 'M9.5 4L7.5 20M16.5 4l-2 16M4.5 9h16M3.5 15h16',
    voice: 'M4 10v4h4l5 4V6L8 10H4M16 9a4 4 0 0 1 0 6M18.500 6.500a8 8 0 0 1 0 11',
    chevron: 'M7 10l5 5 5-5',
    people: 'M9 12a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M3 20c0-3.500 2.500-5.500 6-5.500s6 2 6 5.500M16 5.200a3.500 3.500 0 0 1 0 6.600M18 14.800c2 .7 3 2.600 3 5.200',
    menu: 'M4 7h16M4 12h16M4 17h16',
    pin: 'M9 4h6l-1 6 3 3v2H7v-2l3-3-1-6M12 15v6',
    smile: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8.500 14.500c1.800 2.300 5.200 2.300 7 0M9 9.500v.01M15 9.500v.01',
    reply: 'M10 7L4 12l6 5v-3.500c5 0 8 1 10 4.500-.5-5-3.500-8.500-10-8.500V7',
    edit: 'M4 20h4L19 9l-4-4L4 16v4M13 7l4 4',
    trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
    more: 'M6 12v.01M12 12v.01M18 12v.01',
    send: 'M4 4l17 8-17 8 3-8-3-8M7 12h8',
    gear: 'M12 15.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M12 3v3M12 18v3M3 12h3M18 12h3M5.600 5.600l2.200 2.200M16.200 16.200l2.200 2.200M18.400 5.600l-2.200 2.200M7.800 16.200l-2.200 2.200',
    invite: 'M10 12a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M4 20c0-3.500 2.500-5.500 6-5.500 1.500 0 2.800.4 3.800 1M18 13v6M15 16h6',
    file: 'M7 3h7l4 4v14H7V3M14 3v4h4',
    home: 'M4 11l8-7 8 7v9h-5v-6H9v6H4v-9',
    down: 'M12 5v14M6 13l6 6 6-6',
    download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
    copy: 'M9 9h10v11H9V9M6 15H5V4h10v1',
    phone: 'M8 3h8v18H8V3M11 18h2',
    screen: 'M3 5h18v11H3V5M8 20h8M12 16v4',
    slash: 'M17 5L7 19',
    check: 'M5 13l4 4L19 7',
    message: 'M4 5h16v11H11l-5 4v-4H4V5',
    search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14M16 16l5 5',
    bell: 'M6 17V11a6 6 0 0 1 12 0v6l2 2H4l2-2M10 21h4',
    mute: 'M6 17V11a6 6 0 0 1 9-5.200M18 11v6l2 2H8M10 21h4M3 3l18 18',
    back: 'M15 5l-7 7 7 7',
    up: 'M12 19V5M6 11l6-6 6 6',
    shield: 'M12 3l8 3v6c0 5-3.500 7.500-8 9-4.500-1.500-8-4-8-9V6l8-3',
    lock: 'M6 11h12v9H6v-9M8.500 11V8a3.500 3.500 0 0 1 7 0v3',
    clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7v5l3 2',
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
    const heavy = name === 'more' ? 3 : 1.8;
    return (
        <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width={heavy} stroke-linecap="round" stroke-linejoin="round">
            <path d={PATHS[name]} />
        </svg>
    );
}

export function IconButton(props: { icon: IconName; label: string; onClick: (e: MouseEvent & { currentTarget: HTMLElement }) => void; class?: string; pressed?: boolean; size?: number }) {
    return (
        <button type="button" class={`icon-button ${props.class ?? ''}`} aria-label={props.label} title={props.label} aria-pressed={props.pressed} onClick={(e) => props.onClick(e as never)}>
            <Icon name={props.icon} size={props.size} />
        </button>
    );
}
