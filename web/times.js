// A record's timestamp is seconds since the epoch of the port that wrote it: 2000 on boards, 1970 elsewhere. A clock that is set tells which.
const FIRST = 1400000000; // such seconds, and more, are since 1970 (from 2014 on); less are since 2000 (until 2044)

// Seconds to add, for a time since 1970.
export const epoch = (seconds) => (seconds >= FIRST ? 0 : 946684800);

// A record with its timestamp as ISO 8601.
export function texts(record) {
  if (typeof record.timestamp !== 'number') return record;
  const moment = new Date((record.timestamp + epoch(record.timestamp)) * 1000);
  return Number.isNaN(moment.getTime()) ? record : { ...record, timestamp: moment.toISOString().replace('.000Z', 'Z') };
}
