import { createContext } from 'svelte';
import { plain } from '~/design/text';
import { timeLeft } from '~/design/time';
import { errorBody, type DoneOf, type ReplyOf, type Runtime } from '~/runtime/runtime';
import type {
  Call,
  CardView,
  Command,
  DaemonView,
  ErrorBody,
  Event,
  Hash,
  News,
  Settings,
  Snapshot,
  Stage,
  State,
  Target,
  Verdict,
} from '~/runtime/types';
import { announcer } from './announcer.svelte';
import { words } from './cards';
import { apply } from './events';
import { router } from './router.svelte';

/** Something to tell in passing. */
export interface Notice {
  id: number;
  tone: 'info' | 'good' | 'warn' | 'danger';
  title: string;
  text?: string;
}

/** What came of the last try-out. */
export interface TriedOut {
  ran: boolean;
  words: string;
}

// What is taken for chosen where it cannot be read: nothing that would be in anyone's way.
const UNREAD: Settings = { notifications: 'discreet', autostart: false, theme: 'system', welcomed: true, told_of_tray: true };

/** Everything the screens draw, and the ways to change it. */
export class App {
  /** Where this computer stands as a device. */
  stage = $state.raw<Stage>({ stage: 'starting' });
  /** How everything stands; only in stage `ready`. */
  snapshot = $state.raw<Snapshot | null>(null);
  /** The daemon of this computer; only where the stage tells. */
  daemon = $state.raw<DaemonView | null>(null);
  /** What the person chose; absent until it is read. */
  settings = $state.raw<Settings | null>(null);
  /** Notices on the screen. */
  notices = $state.raw<Notice[]>([]);
  /** What came of the last try-out, if one was sent. */
  triedOut = $state.raw<TriedOut | null>(null);
  /** Why the last pairing of another device came to nothing. */
  pairingEnded = $state.raw<ErrorBody | null>(null);

  #runtime: Runtime;
  #count = 0;
  // While the stage is being asked for, events wait: they belong on top of what is answered.
  #waiting: Event[] | null = null;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Begins to listen and reads how things stand; the answer ends it. */
  start(): () => void {
    const stop = this.#runtime.listen(this.hear);
    void this.refresh();
    void this.call({ call: 'settings' })
      .then(({ settings }) => this.#choose(settings))
      .catch((thrown: unknown) => {
        this.settings = UNREAD;
        this.trouble(thrown);
      });
    return stop;
  }

  /** Asks how everything stands. */
  async refresh(): Promise<void> {
    this.#waiting ??= [];
    try {
      const { stage } = await this.call({ call: 'stage' });
      this.#enter(stage);
    } catch (thrown) {
      this.trouble(thrown);
    } finally {
      const events = this.#waiting ?? [];
      this.#waiting = null;
      for (const event of events) this.#happened(event);
    }
  }

  /** Something for the console; rejects with an `ErrorBody`. */
  async call<C extends Call>(call: C): Promise<ReplyOf<C>> {
    return (await this.#runtime.call(call)) as ReplyOf<C>;
  }

  /** Something for the device; rejects with an `ErrorBody`. */
  async device<C extends Command>(command: C): Promise<DoneOf<C>> {
    const { done } = await this.call({ call: 'device', command });
    return done as DoneOf<C>;
  }

  /** Does something for the device whose failure is told in passing; answers whether it is done. */
  async try(command: Command): Promise<boolean> {
    try {
      await this.device(command);
      return true;
    } catch (thrown) {
      this.trouble(thrown);
      return false;
    }
  }

  /** The person chose. */
  async choose(settings: Settings): Promise<void> {
    try {
      this.#choose((await this.call({ call: 'set_settings', settings })).settings);
    } catch (thrown) {
      this.trouble(thrown);
    }
  }

  /** The card of a request, if it is known. */
  card(id: Hash): CardView | null {
    return this.snapshot?.cards.find((card) => card.id === id) ?? null;
  }

  /** This device's answer is signed; what follows is told by events. */
  answered(id: Hash, verdict: Verdict, stored: State | null): void {
    const step = stored === null ? 'signed' : stored === 'approved' || stored === 'denied' ? stored : 'stored';
    this.#happened({ event: 'card_step', card: id, phase: { phase: 'answered_here', verdict, step } });
  }

  /** Tells something in passing. */
  tell(notice: Omit<Notice, 'id'>): void {
    this.#count += 1;
    // The same thing again is told once; of many, the latest.
    const others = this.notices.filter((one) => one.title !== notice.title || one.text !== notice.text);
    this.notices = [...others, { ...notice, id: this.#count }].slice(-3);
    const said = [notice.title, notice.text].filter(Boolean).join(' ');
    if (notice.tone === 'danger') announcer.interrupt(said);
    else announcer.say(said);
  }

  /** Tells that something went wrong. */
  trouble(thrown: unknown): void {
    const why = errorBody(thrown);
    this.tell({ tone: 'warn', title: why.message, text: why.hint ?? undefined });
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }

  hear = (news: News): void => {
    switch (news.news) {
      case 'stage':
        this.#enter(news.stage);
        break;
      case 'device':
        if (this.#waiting) this.#waiting.push(news.event);
        else this.#happened(news.event);
        break;
      case 'daemon':
        this.daemon = news.daemon;
        break;
      case 'settings':
        this.#choose(news.settings);
        break;
      case 'show':
        show(news.target);
        break;
      case 'tried_out':
        this.triedOut = { ran: news.ran, words: news.words };
        // The first run shows it itself.
        if (this.settings?.welcomed) {
          const title = news.ran ? 'The try-out ran.' : 'The try-out did not run.';
          this.tell({ tone: news.ran ? 'good' : 'info', title, text: news.words });
        }
        break;
      default:
        forgotten(news);
    }
  };

  #enter(stage: Stage): void {
    this.stage = stage;
    this.snapshot = stage.stage === 'ready' ? stage.snapshot : null;
    this.daemon = stage.stage === 'ready' || stage.stage === 'unpaired' ? stage.daemon : null;
  }

  #choose(settings: Settings): void {
    this.settings = settings;
    if (settings.theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = settings.theme;
  }

  #happened(event: Event): void {
    if (event.event === 'missed') {
      void this.refresh();
      return;
    }
    if (!this.snapshot) return;
    const before = this.snapshot;
    this.snapshot = apply(before, event);
    this.#announce(event, before);
  }

  #announce(event: Event, before: Snapshot): void {
    switch (event.event) {
      case 'card_added':
        announcer.interrupt(`${title(event.card)} waits for your answer.`);
        break;
      case 'card_step':
      case 'card_closed': {
        const card = this.card(event.card);
        const old = before.cards.find((one) => one.id === event.card);
        if (!card || !old || JSON.stringify(card.phase) === JSON.stringify(old.phase)) break;
        const { title: how, detail } = words(card.phase);
        announcer.say(`${title(card)}: ${how}. ${detail}`);
        break;
      }
      case 'card_reminder': {
        const card = this.card(event.card);
        if (!card) break;
        const left = `${timeLeft(event.left)} left for ${title(card)}.`;
        if (event.nearly) announcer.interrupt(left);
        else announcer.say(left);
        break;
      }
      case 'agent_asked':
        announcer.interrupt(`A new agent asks to be known: ${plain(event.agent.name)}.`);
        break;
      case 'pairing_asked':
      case 'pairing_digits':
        this.pairingEnded = null;
        announcer.interrupt('A device asks to join.');
        break;
      case 'pairing_ended':
        this.pairingEnded = event.why;
        break;
      case 'connection_changed':
        if (event.connection.line === 'lost') announcer.interrupt('The connection to the daemon is lost.');
        if (event.connection.line === 'connected') announcer.say('Connected.');
        break;
      case 'log_rejected':
        announcer.interrupt(`The log does not verify. ${event.why.message}`);
        break;
      case 'entry_refused':
        this.tell({
          tone: 'warn',
          title: 'Something that does not verify was left out.',
          text: event.reason.message,
        });
        break;
      case 'trouble':
        this.trouble(event.why);
        break;
      case 'card_changed':
      case 'agent_answered':
      case 'trust_changed':
      case 'status_expiring':
      case 'log_verified':
      case 'clock_changed':
      case 'missed':
        break;
      default:
        forgotten(event);
    }
  }
}

// The compiler refuses this call once a case above is forgotten.
function forgotten(_case: never): void {}

function title(card: CardView): string {
  return `${plain(card.display.who.agent)}, ${plain(card.display.tool)}`;
}

function show(target: Target): void {
  if (target.target === 'request') router.go('request', target.card);
  else router.go(target.target);
}

/** The app this component stands in. */
export const [getApp, setApp] = createContext<App>();
