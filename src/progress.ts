import { SingleBar, Presets } from 'cli-progress';

/** Shows how far the work has come. */
export interface Progress {
  /** Prints a line of its own. */
  say(line: string): void;
  /** Begins a stretch of work of so many images. */
  begin(title: string, images: number): Stretch;
}

/** A stretch of work under way. */
export interface Stretch {
  advance(images: number): void;
  /** Something worth showing beside the bar, such as the loss. */
  note(text: string): void;
  /** Something worth a line of its own where there is no bar, such as the end of an epoch. */
  milestone(text: string): void;
  end(): void;
}

/** Progress on stderr: a bar on a terminal, plain lines elsewhere. */
export function stderrProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const say = (line: string) => void stream.write(`${line}\n`);
  return { say, begin: stream.isTTY ? terminalStretch(stream) : plainStretch(say) };
}

function terminalStretch(stream: NodeJS.WriteStream): Progress['begin'] {
  return (title, images) => {
    const begun = performance.now();
    let done = 0;
    let text = '';
    const bar = new SingleBar(
      {
        stream,
        format: `${title} {bar} {percentage}% | {note}{rate} images/s | {left} left`,
        // The terminal is left as it is, so that nothing needs to be restored after Ctrl-C.
        linewrap: null,
        clearOnComplete: false,
        gracefulExit: false,
      },
      Presets.shades_classic,
    );
    const payload = () => ({
      note: text && `${text} | `,
      rate: rate(done, begun),
      left: timeLeft(done, images, begun),
    });
    bar.start(images, 0, payload());
    return {
      advance(more) {
        done += more;
        bar.update(Math.min(done, images), payload());
      },
      note: (next) => void (text = next),
      milestone: (next) => void (text = next),
      end: () => bar.stop(),
    };
  };
}

function plainStretch(say: (line: string) => void): Progress['begin'] {
  return (title, images) => {
    const begun = performance.now();
    let done = 0;
    say(`${title}: begun`);
    return {
      advance: (more) => void (done += more),
      note: () => {},
      milestone(text) {
        say(`${title}: ${text} | ${rate(done, begun)} images/s | ${timeLeft(done, images, begun)} left`);
      },
      end: () => say(`${title}: done in ${duration((performance.now() - begun) / 1000)}`),
    };
  };
}

function rate(done: number, begun: number): string {
  return (done / ((performance.now() - begun) / 1000)).toFixed(0);
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
