import { MultiBar, Presets } from 'cli-progress';

/** Shows how far the work has come. */
export interface Progress {
  /** Prints a line of its own. */
  say(line: string): void;
  /** Begins a stretch of work of so many images; several may be under way at once. */
  begin(title: string, images: number): Stretch;
  /** Leaves what is shown as it is: no stretch under way will end any more. */
  close(): void;
}

/** A stretch of work under way. */
export interface Stretch {
  advance(images: number): void;
  /** So many images need not be done after all. */
  skip(images: number): void;
  /** Something worth showing beside the bar, such as the loss. */
  note(text: string): void;
  /** Something worth a line of its own where there is no bar, such as the end of an epoch. */
  milestone(text: string): void;
  end(): void;
}

/** Progress on stderr: a bar for each stretch under way on a terminal, plain lines elsewhere. */
export function stderrProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? terminalProgress(stream) : plainProgress(stream);
}

function terminalProgress(stream: NodeJS.WriteStream): Progress {
  /** The bars of the stretches under way, the first to end above the others. */
  let bars: MultiBar | undefined;
  let open = 0;
  const stop = () => {
    // Shows what was said last.
    bars?.update();
    bars?.stop();
    bars = undefined;
    open = 0;
  };
  const start = () =>
    new MultiBar(
      {
        stream,
        format: `{title} {bar} {percentage}% | {note}{rate} images/s | {left} left`,
        barsize: 24,
        // The terminal is left as it is, so that nothing needs to be restored after Ctrl-C.
        linewrap: null,
        clearOnComplete: false,
        gracefulExit: false,
      },
      Presets.shades_classic,
    );
  return {
    say(line) {
      // Above the bars, at their next turn.
      if (bars) bars.log(`${line}\n`);
      else stream.write(`${line}\n`);
    },
    begin(title, images) {
      const begun = performance.now();
      let [done, total] = [0, images];
      let text = '';
      const payload = () => ({
        title,
        note: text && `${text} | `,
        rate: rate(done, begun),
        left: timeLeft(done, total, begun),
      });
      bars ??= start();
      open++;
      const bar = bars.create(images, 0, payload());
      return {
        advance(more) {
          done += more;
          bar.update(Math.min(done, total), payload());
        },
        skip(fewer) {
          total -= fewer;
          bar.setTotal(total);
        },
        note: (next) => void (text = next),
        milestone: (next) => void (text = next),
        end() {
          if (--open === 0) stop();
        },
      };
    },
    close: stop,
  };
}

function plainProgress(stream: NodeJS.WriteStream): Progress {
  const say = (line: string) => void stream.write(`${line}\n`);
  return {
    say,
    begin(title, images) {
      const begun = performance.now();
      let [done, total] = [0, images];
      say(`${title}: begun`);
      return {
        advance: (more) => void (done += more),
        skip: (fewer) => void (total -= fewer),
        note: () => {},
        milestone(text) {
          say(`${title}: ${text} | ${rate(done, begun)} images/s | ${timeLeft(done, total, begun)} left`);
        },
        end: () => say(`${title}: done in ${duration((performance.now() - begun) / 1000)}`),
      };
    },
    close: () => {},
  };
}

function rate(done: number, begun: number): string {
  return imagesPerSecond(done / ((performance.now() - begun) / 1000));
}

/** Images a second, with as many digits as mean something. */
export function imagesPerSecond(rate: number): string {
  return rate.toFixed(rate < 10 ? 1 : 0);
}

function timeLeft(done: number, images: number, begun: number): string {
  if (done === 0) return '?';
  return duration((((performance.now() - begun) / 1000) * (images - done)) / done);
}

/** Seconds as a person says them: "48 s", "12 min 5 s", "2 h 10 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
