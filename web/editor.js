// The editor: CodeMirror with what a short program takes. Tab leaves it, as everywhere on the page.
import { autocompletion, closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { python } from '@codemirror/lang-python';
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

// Colours come from the page's style sheet, which knows light and dark.
const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.bool, tags.null, tags.operatorKeyword], color: 'var(--code-keyword)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.comment, color: 'var(--code-comment)' },
  { tag: [tags.function(tags.variableName), tags.className, tags.definition(tags.variableName)], color: 'var(--code-name)' },
]);

const THEME = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--panel)', color: 'inherit' },
  '.cm-scroller': { fontFamily: 'var(--mono)', fontSize: '0.875rem', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'currentColor' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--quiet)', border: '0' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--soft)' },
  '.cm-cursor': { borderLeftColor: 'currentColor' },
  '&.cm-focused': { outline: 'none' },
});

// An editor in an element. run: called for Ctrl-Enter; changed: with the text, when it was edited.
export function edit(parent, run, changed) {
  const runs = { key: 'Mod-Enter', run: () => { run(); return true; } };
  const view = new EditorView({
    parent,
    extensions: [
      keymap.of([runs, ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap]), lineNumbers(), history(), indentOnInput(), indentUnit.of('    '),
      bracketMatching(), closeBrackets(), autocompletion(), highlightActiveLine(), python(), syntaxHighlighting(COLOURS), THEME,
      EditorView.contentAttributes.of({ 'aria-label': 'Program', tabindex: '0' }),
      EditorView.updateListener.of((update) => { if (update.docChanged) changed(update.state.doc.toString()); }),
    ],
  });
  return {
    get text() { return view.state.doc.toString(); },
    set text(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      view.scrollDOM.scrollTop = 0;
    },
  };
}
