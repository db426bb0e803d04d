import type { Verdict } from '../../verdict/claim';
import { anchorOf } from '../section';
import { inlinesOf, type Text } from '../text';

/** Text with its verdicts, code and links. */
export function TextView({ text }: { readonly text: Text }) {
  return (
    <>
      {inlinesOf(text).map((inline) => {
        if (typeof inline === 'string') return inline;
        if ('code' in inline) return <code>{inline.code}</code>;
        if ('verdict' in inline) return <VerdictBadge verdict={inline.verdict} />;
        return <a href={`#${anchorOf(inline.section)}`}>{inline.section}</a>;
      })}
    </>
  );
}

export function VerdictBadge({ verdict }: { readonly verdict: Verdict }) {
  return <span class={`verdict ${verdict.toLowerCase()}`}>{verdict}</span>;
}
