// The emoji of the picker: each with the words it is found by; the first word is its :name:.
import { inMessage, usableIn } from '../store/emojis';

const TABLE = `😀 grinning smile happy|😄 smile happy joy|😁 grin teeth|😂 joy laugh tears lol|🤣 rofl laugh floor|😊 blush happy shy|🙂 slight_smile ok|😉 wink|😍 heart_eyes love|😘 kiss love
😋 yum tasty|😎 cool sunglasses|🤩 star_struck wow|🥳 party celebrate|🤔 thinking hmm|🤨 raised_eyebrow doubt|😐 neutral meh|🙄 eye_roll|😏 smirk|😴 sleeping tired|😌 relieved calm
😔 pensive sad|😢 cry sad tear|😭 sob cry|😤 triumph huff|😠 angry mad|😡 rage angry|🤯 mind_blown exploding|😳 flushed|😱 scream shock|😅 sweat_smile phew|🥲 smile_tear|🥺 pleading please
🤗 hug|🤫 shush quiet|🫡 salute|🤐 zipper|🤒 sick ill|🤢 nauseated|🤡 clown|👻 ghost|💀 skull dead|👽 alien|🤖 robot bot|💩 poop|😺 cat smile|🙈 see_no_evil monkey
👍 thumbsup yes like +1|👎 thumbsdown no dislike -1|👌 ok_hand perfect|✌️ victory peace|🤞 fingers_crossed luck|🤝 handshake deal|👏 clap applause|🙌 raised_hands hooray|🙏 pray thanks please|💪 muscle strong|👋 wave hello bye|✋ hand stop high_five|👀 eyes look|🧠 brain smart|🫶 heart_hands
❤️ heart love red|🧡 orange_heart|💛 yellow_heart|💚 green_heart|💙 blue_heart|💜 purple_heart|🖤 black_heart|🤍 white_heart|💔 broken_heart|💯 hundred perfect|💥 boom|✨ sparkles|⭐ star|🌟 glowing_star|🔥 fire hot lit|💤 zzz sleep
🎉 tada party congratulations|🎂 cake birthday|🎁 gift present|🎈 balloon|🏆 trophy win|🥇 gold medal first|⚽ soccer football|🏀 basketball|🎮 game controller|🎲 dice|🎵 note music|🎸 guitar|🎨 art paint|🎬 film
✅ check yes done|❌ cross no|⚠️ warning|❓ question|❗ exclamation|➕ plus|⏳ hourglass wait|⏰ alarm clock|📌 pin|📎 clip|🔒 lock|🔑 key|🔧 wrench tool|⚙️ gear settings|💡 idea bulb|📷 camera photo|💻 laptop computer|📱 phone|📚 books|📝 memo note|📈 chart up|📉 chart_down|🗑️ trash|🚀 rocket ship launch|🐛 bug
🐶 dog|🐱 cat|🐭 mouse|🦊 fox|🐻 bear|🐼 panda|🐸 frog|🐵 monkey|🐧 penguin|🐦 bird|🦆 duck|🦉 owl|🐝 bee|🦋 butterfly|🐢 turtle|🐙 octopus|🐟 fish|🐳 whale|🦄 unicorn|🐉 dragon
🌱 seedling plant|🌳 tree|🌵 cactus|🌹 rose flower|🌻 sunflower|🍀 clover luck|🌈 rainbow|☀️ sun|🌙 moon night|☁️ cloud|🌧️ rain|❄️ snow cold|⚡ lightning zap|🌊 wave_water sea
🍎 apple|🍌 banana|🍓 strawberry|🍒 cherry|🍋 lemon|🥑 avocado|🥕 carrot|🌶️ pepper hot|🍞 bread|🧀 cheese|🍕 pizza|🍔 burger|🍟 fries|🌮 taco|🍣 sushi|🍜 noodles ramen|🍪 cookie|🍫 chocolate|🍩 donut|🍿 popcorn|☕ coffee|🍵 tea|🍺 beer|🍷 wine|🥂 cheers
🚗 car|🚲 bicycle|✈️ plane|🚂 train|🏠 house home|🏖️ beach|⛰️ mountain|🌍 earth world`;

export interface Emoji {
    char: string;
    words: string[];
}
export const EMOJI: Emoji[] = TABLE.split(/[|\n]/).map((row) => {
    const [char, ...words] = row.split(' ');
    return { char: char!, words };
});
export const QUICK = ['👍', '❤️', '😂', '🎉', '👀', '🔥'];

export function findEmoji(query: string, max = EMOJI.length): Emoji[] {
    const q = query.toLowerCase().replaceAll(':', '').trim();
    if (!q) return EMOJI.slice(0, max);
    const begins = EMOJI.filter((e) => e.words.some((w) => w.startsWith(q)));
    const holds = EMOJI.filter((e) => !begins.includes(e) && e.words.some((w) => w.includes(q)));
    return [...begins, ...holds].slice(0, max);
}
const NAMES = new Map(EMOJI.flatMap((e) => (e.words[0] ? [[e.words[0], e.char] as const] : [])));
const CODE = /(```[^]*?```|`[^`\n]*`)/;
const TYPED = /<a?:\w+:\d+>|:([\w+~-]+):/g; // what is in a message's form already is passed over
// :name: of a known emoji becomes the emoji, the servers' own first; code is left alone.
export function withEmoji(source: string, channelId: string): string {
    if (!source.includes(':')) return source;
    const own = new Map(usableIn(channelId).map((u) => [u.key, inMessage(u.emoji)]));
    const put = (part: string): string => part.replace(TYPED, (all, name?: string) => (name && (own.get(name) ?? NAMES.get(name))) || all);
    return source.split(CODE).map((part, i) => (i % 2 ? part : put(part))).join('');
}
