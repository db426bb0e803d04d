import { anchorOf, type PageDocument } from '../section';
import { Paragraph, SectionView, type Drawings } from './sections';
import { VerdictBadge } from './text-view';

/** The client's parts, as text that goes into the page. */
export interface Assets {
  readonly style: string;
  /** Safe within a script element. */
  readonly scripts: readonly string[];
  /** JSON of the charts, safe within a script element. */
  readonly charts: string;
}

/** Nothing may be fetched: the page is all there is. */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:";

export function Page({
  document,
  drawings,
  assets,
}: {
  readonly document: PageDocument;
  readonly drawings: Drawings;
  readonly assets: Assets;
}) {
  const { title, verdict, lead, sections } = document;
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content={POLICY} />
        <meta name="color-scheme" content="light dark" />
        <title>{verdict ? `${title} ${verdict}` : title}</title>
        <link rel="icon" href="data:," />
        <style dangerouslySetInnerHTML={{ __html: assets.style }} />
      </head>
      <body>
        <header>
          <h1>
            {title}
            {verdict && (
              <>
                {' '}
                <VerdictBadge verdict={verdict} />
              </>
            )}
          </h1>
          {lead.map((text, i) => (
            <Paragraph key={i} text={text} />
          ))}
          <noscript>
            <p>The charts need JavaScript. The tables hold all figures without it.</p>
          </noscript>
          <nav aria-label="Contents">
            <ul>
              {sections
                .filter(({ level }) => level === 2)
                .map(({ title: section }) => (
                  <li key={section}>
                    <a href={`#${anchorOf(section)}`}>{section}</a>
                  </li>
                ))}
            </ul>
          </nav>
        </header>
        <main>
          {sections.map((section) => (
            <SectionView key={section.title} section={section} drawings={drawings} />
          ))}
        </main>
        <script type="application/json" id="charts" dangerouslySetInnerHTML={{ __html: assets.charts }} />
        {assets.scripts.map((script, i) => (
          <script key={i} dangerouslySetInnerHTML={{ __html: script }} />
        ))}
      </body>
    </html>
  );
}
