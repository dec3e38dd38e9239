import GRDB

/// The queue's tables in the node's database.
///
/// Times are milliseconds since 1970. Nothing here is identity: UIDs are mapped, patients are pseudonyms, names are
/// sections of AETitles.conf.
package enum StudyQueueSchema {
    /// Adds the queue's migrations to the node's migrator.
    package static func register(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("study-queue-1") { db in
            for statement in [studies, instances, journal, events, analyses, deliveries, leases] {
                try db.execute(sql: statement)
            }
        }
        migrator.registerMigration("study-queue-2") { db in try db.execute(sql: identity) }
        migrator.registerMigration("study-queue-3") { db in try db.execute(sql: holds) }
        migrator.registerMigration("study-queue-books") { db in try db.execute(sql: books) }
        migrator.registerMigration("study-queue-retention") { db in try db.execute(sql: retention) }
        migrator.registerMigration("study-queue-retention-2") { db in try db.execute(sql: retentionIndexes) }
        migrator.registerMigration("study-queue-commitment") { db in try db.execute(sql: CommitmentTable.schema) }
        migrator.registerMigration("study-queue-commitment-2") { db in try db.execute(sql: CommitmentTable.second) }
    }

    /// `identity_correction` says which patient a study came with after which, and whether that was accepted
    /// (`reanalyse`) or waits for a decision (`park`).
    private static let identity = """
        ALTER TABLE study ADD COLUMN identity_erased_at INTEGER;
        CREATE INDEX study_identity_due ON study (ready_at) WHERE state = 'delivered' AND identity_erased_at IS NULL;
        CREATE TABLE identity_correction (
          number INTEGER PRIMARY KEY,
          study TEXT NOT NULL REFERENCES study (id),
          from_patient TEXT NOT NULL,
          to_patient TEXT NOT NULL,
          instance TEXT NOT NULL,
          policy TEXT NOT NULL CHECK (policy IN ('park', 'reanalyse')),
          at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX identity_correction_study ON identity_correction (study);
        """

    /// Sources whose studies wait untouched; the empty name stands for all of them.
    private static let holds = "CREATE TABLE hold (source TEXT PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID"

    /// `objects` is how many deliveries were planned for the revision, so that a lost one is missed. An alert's subject is
    /// a section of AETitles.conf or empty.
    private static let books = """
        ALTER TABLE revision ADD COLUMN objects INTEGER;
        UPDATE revision SET objects = (SELECT COUNT(*) FROM delivery d
          WHERE d.study = revision.study AND d.revision = revision.number)
          WHERE analysed_at IS NOT NULL AND no_result_policy IS NULL;
        CREATE TABLE alert (
          kind TEXT NOT NULL,
          subject TEXT NOT NULL,
          count INTEGER NOT NULL,
          finding BLOB,
          since INTEGER NOT NULL,
          PRIMARY KEY (kind, subject)
        ) STRICT, WITHOUT ROWID;
        """

    /// `kept_from` is when retention began to count for a delivered study, on a clock of its own; `files_retired` says
    /// that there is nothing more to take of its files, `forgotten` how many of its instances the store knows no more. An
    /// instance's `disposal` is the line of the ledger by which its file went.
    private static let retention = """
        ALTER TABLE study ADD COLUMN kept_from INTEGER;
        ALTER TABLE study ADD COLUMN files_retired INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE study ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE instance ADD COLUMN disposal INTEGER;
        DROP INDEX study_identity_due;
        CREATE INDEX study_identity_due ON study (kept_from) WHERE state = 'delivered' AND identity_erased_at IS NULL;
        CREATE INDEX study_files_due ON study (kept_from) WHERE state = 'delivered' AND files_retired = 0;
        CREATE INDEX study_memory_due ON study (kept_from)
          WHERE state = 'delivered' AND files_retired = 1 AND forgotten = 0;
        CREATE TABLE retention_clock (one INTEGER PRIMARY KEY CHECK (one = 1), clock INTEGER NOT NULL) STRICT;
        CREATE TABLE disposal (
          number INTEGER PRIMARY KEY AUTOINCREMENT,
          at INTEGER NOT NULL,
          policy TEXT NOT NULL,
          study TEXT,
          count INTEGER NOT NULL,
          bytes INTEGER NOT NULL,
          through INTEGER,
          link BLOB,
          chain BLOB NOT NULL
        ) STRICT;
        CREATE TRIGGER disposal_no_update BEFORE UPDATE ON disposal
          BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
        CREATE TRIGGER disposal_no_delete BEFORE DELETE ON disposal
          BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
        """

    /// What a study's rows are deleted by: each foreign key is looked up from the other side.
    private static let retentionIndexes = """
        CREATE INDEX analysis_instance ON analysis (instance);
        CREATE INDEX own_result_study ON own_result (study);
        CREATE INDEX study_unkept ON study (number) WHERE state = 'delivered' AND kept_from IS NULL;
        """

    private static let studies = """
        CREATE TABLE study (
          number INTEGER PRIMARY KEY AUTOINCREMENT,
          id TEXT NOT NULL UNIQUE,
          uid TEXT NOT NULL UNIQUE,
          patient TEXT NOT NULL,
          source TEXT NOT NULL,
          priority INTEGER NOT NULL,
          destinations TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN
            ('receiving', 'complete', 'analysing', 'analysed', 'delivering', 'delivered', 'parked')),
          park_reason TEXT, park_cause TEXT, park_resume TEXT,
          revision INTEGER NOT NULL CHECK (revision >= 1),
          created_at INTEGER NOT NULL,
          last_instance_at INTEGER NOT NULL,
          quiet_at INTEGER NOT NULL,
          ready_at INTEGER NOT NULL,
          attempts INTEGER NOT NULL DEFAULT 0,
          next_attempt_at INTEGER NOT NULL DEFAULT 0,
          last_reason TEXT,
          CHECK ((state = 'parked') = (park_reason IS NOT NULL AND park_cause IS NOT NULL AND park_resume IS NOT NULL))
        ) STRICT;
        CREATE INDEX study_quiet ON study (quiet_at) WHERE state = 'receiving';
        CREATE INDEX study_ready ON study (priority DESC, ready_at, number) WHERE state = 'complete';
        CREATE INDEX study_state ON study (state, number);
        CREATE INDEX study_source ON study (source, number);

        CREATE TABLE revision (
          study TEXT NOT NULL REFERENCES study (id),
          number INTEGER NOT NULL,
          opened_at INTEGER NOT NULL,
          completed_at INTEGER,
          evidence TEXT,
          analysed_at INTEGER,
          no_result_policy TEXT,
          no_result_reason TEXT,
          superseded_at INTEGER,
          PRIMARY KEY (study, number)
        ) STRICT;
        """

    /// A held instance has its file in the spool; a discarded one has none and names its policy. `journal_seq` names
    /// the journal line, so that a lost line can be named.
    private static let instances = """
        CREATE TABLE instance (
          id TEXT PRIMARY KEY,
          study TEXT REFERENCES study (id),
          sop_instance_uid TEXT NOT NULL,
          series_uid TEXT NOT NULL,
          sop_class_uid TEXT NOT NULL,
          transfer_syntax_uid TEXT NOT NULL,
          digest BLOB NOT NULL,
          source TEXT NOT NULL,
          file TEXT NOT NULL,
          bytes INTEGER NOT NULL,
          analysable INTEGER NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('held', 'discarded')),
          policy TEXT,
          revision INTEGER,
          received_at INTEGER NOT NULL,
          journal_seq INTEGER NOT NULL UNIQUE,
          CHECK ((state = 'discarded') = (policy IS NOT NULL)),
          CHECK (state = 'discarded' OR (study IS NOT NULL AND revision IS NOT NULL))
        ) STRICT;
        CREATE UNIQUE INDEX instance_held ON instance (sop_instance_uid) WHERE state = 'held';
        CREATE INDEX instance_sop ON instance (sop_instance_uid, digest);
        CREATE INDEX instance_study ON instance (study, state);
        """

    /// Append-only, but for lines that retention retires below `journal_base`, whose chain value the next line follows.
    private static let journal = """
        CREATE TABLE journal (
          seq INTEGER PRIMARY KEY AUTOINCREMENT,
          instance TEXT NOT NULL UNIQUE,
          digest BLOB NOT NULL,
          bytes INTEGER NOT NULL,
          at INTEGER NOT NULL,
          chain BLOB NOT NULL
        ) STRICT;
        CREATE TABLE journal_base (
          one INTEGER PRIMARY KEY CHECK (one = 1),
          seq INTEGER NOT NULL,
          chain BLOB NOT NULL
        ) STRICT;
        INSERT INTO journal_base VALUES (1, 0, zeroblob(32));
        CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
          BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
        CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
          WHEN OLD.seq > (SELECT seq FROM journal_base)
          BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
        """

    private static let events = """
        CREATE TABLE event (
          seq INTEGER PRIMARY KEY AUTOINCREMENT,
          at INTEGER NOT NULL,
          study TEXT,
          source TEXT,
          kind TEXT NOT NULL,
          fields TEXT NOT NULL
        ) STRICT;
        CREATE INDEX event_study ON event (study, seq);
        CREATE INDEX event_source ON event (source, seq);
        """

    private static let analyses = """
        CREATE TABLE analysis (
          study TEXT NOT NULL REFERENCES study (id),
          revision INTEGER NOT NULL,
          instance TEXT NOT NULL REFERENCES instance (id),
          json BLOB NOT NULL,
          PRIMARY KEY (study, revision, instance)
        ) STRICT;
        CREATE TABLE own_result (
          key BLOB PRIMARY KEY,
          study TEXT NOT NULL REFERENCES study (id),
          revision INTEGER NOT NULL,
          at INTEGER NOT NULL
        ) STRICT;
        """

    private static let deliveries = """
        CREATE TABLE delivery (
          study TEXT NOT NULL REFERENCES study (id),
          revision INTEGER NOT NULL,
          destination TEXT NOT NULL,
          position INTEGER NOT NULL,
          kind TEXT NOT NULL,
          object_index INTEGER NOT NULL,
          result TEXT NOT NULL,
          confirm INTEGER NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'confirmed', 'failed', 'superseded')),
          attempts INTEGER NOT NULL DEFAULT 0,
          waiting_since INTEGER NOT NULL,
          next_attempt_at INTEGER NOT NULL DEFAULT 0,
          last_status INTEGER,
          last_reason TEXT,
          updated_at INTEGER NOT NULL,
          PRIMARY KEY (study, revision, destination, kind, object_index)
        ) STRICT;
        CREATE INDEX delivery_due ON delivery (next_attempt_at) WHERE state = 'waiting';
        CREATE INDEX delivery_result ON delivery (result);
        """

    /// `destination` is empty for a lease of analysis.
    private static let leases = """
        CREATE TABLE lease (
          study TEXT NOT NULL REFERENCES study (id),
          work TEXT NOT NULL CHECK (work IN ('analysis', 'delivery')),
          destination TEXT NOT NULL,
          revision INTEGER NOT NULL,
          owner TEXT NOT NULL,
          token TEXT NOT NULL UNIQUE,
          attempt INTEGER NOT NULL,
          expires_at INTEGER NOT NULL,
          PRIMARY KEY (study, work, destination)
        ) STRICT;
        CREATE INDEX lease_expiry ON lease (expires_at);
        """
}
