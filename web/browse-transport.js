// Where browse.js gets its data in the site: from the page around it, which has the database open (board.js).
export const FORMS = ['csv', 'jsonl'];

function viewer() {
  if (!parent.viewer) throw new Error('no database is open: go to the tab Your board');
  return parent.viewer;
}

export const ask = async (path, parameters) => viewer().ask(path, parameters);
export const file = async (path, parameters) => viewer().file(path, parameters);
