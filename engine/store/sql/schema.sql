-- The projector's own tables, and the words for every column of the catalog: the comments travel with the data.
-- Instants are UTC, durations milliseconds, money whole pico-dollars (10^-12 USD).
-- Each ALTER TABLE gives a column to data directories whose table was made without it; it is NULL in rows that were
-- written without it. No column is ever taken away.

CREATE TABLE IF NOT EXISTS requests (
    request_id VARCHAR,
    ts TIMESTAMPTZ,
    node VARCHAR,
    consumer VARCHAR,
    team VARCHAR,
    cost_center VARCHAR,
    key_label VARCHAR,
    end_user VARCHAR,
    source_ip_prefix VARCHAR,
    tags MAP(VARCHAR, VARCHAR),
    headers MAP(VARCHAR, VARCHAR),
    metadata MAP(VARCHAR, VARCHAR),
    trace_id VARCHAR,
    surface VARCHAR,
    stream BOOLEAN,
    requested_model VARCHAR,
    resolved_model VARCHAR,
    provider VARCHAR,
    route VARCHAR,
    rule_place VARCHAR,
    config_hash VARCHAR,
    config_git_rev VARCHAR,
    has_tools BOOLEAN,
    has_images BOOLEAN,
    has_audio BOOLEAN,
    has_files BOOLEAN,
    wants_json BOOLEAN,
    reasoning BOOLEAN,
    input_tokens_estimate BIGINT,
    max_tokens BIGINT,
    decision VARCHAR,
    dropped_params VARCHAR[],
    ttft_ms DOUBLE,
    total_ms DOUBLE,
    status INTEGER,
    error_kind VARCHAR,
    error_code VARCHAR,
    finish_reason VARCHAR,
    input_tokens BIGINT,
    cached_input_tokens BIGINT,
    cache_write_tokens BIGINT,
    audio_input_tokens BIGINT,
    image_input_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    audio_output_tokens BIGINT,
    image_output_tokens BIGINT,
    usage_source VARCHAR,
    unlisted BOOLEAN,
    price_id VARCHAR,
    cost_pusd BIGINT,
    cost_problem VARCHAR,
    cost_usd DECIMAL(38, 12) AS (cost_pusd::DECIMAL(26, 0) * 0.000000000001::DECIMAL(12, 12))
);
ALTER TABLE requests ADD COLUMN IF NOT EXISTS cache_write_1h_tokens BIGINT;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS images BIGINT;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS audio_ms BIGINT;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS characters BIGINT;
ALTER TABLE requests ADD COLUMN IF NOT EXISTS search_units BIGINT;
COMMENT ON TABLE requests IS 'One row per client request, written when it ended.';
COMMENT ON COLUMN requests.request_id IS 'Id of the request, as the caller got it in x-request-id; sorts by time.';
COMMENT ON COLUMN requests.ts IS 'Start of the request, UTC.';
COMMENT ON COLUMN requests.node IS 'Host that served it.';
COMMENT ON COLUMN requests.consumer IS 'Who asked; ''anonymous'' without a key.';
COMMENT ON COLUMN requests.team IS 'Team of the consumer; empty when it has none.';
COMMENT ON COLUMN requests.cost_center IS 'Cost center of the consumer or its team; empty when none is declared.';
COMMENT ON COLUMN requests.key_label IS 'Label of the key that was presented; never the key.';
COMMENT ON COLUMN requests.end_user IS 'The caller''s own user, from the request''s `user`; empty when not sent.';
COMMENT ON COLUMN requests.source_ip_prefix IS 'Client network: IPv4 /24 or IPv6 /48, never the whole address.';
COMMENT ON COLUMN requests.tags IS 'Tags from the request''s metadata, as `record` lists them.';
COMMENT ON COLUMN requests.headers IS 'Request headers listed under `record`, names in lower case.';
COMMENT ON COLUMN requests.metadata IS 'Metadata keys listed under `record`.';
COMMENT ON COLUMN requests.trace_id IS 'W3C trace id; empty when none came.';
COMMENT ON COLUMN requests.surface IS 'Kind of endpoint: chat, messages, embeddings, images, …';
COMMENT ON COLUMN requests.stream IS 'Whether a stream was asked for.';
COMMENT ON COLUMN requests.requested_model IS 'The name asked for, as sent.';
COMMENT ON COLUMN requests.resolved_model IS 'Canonical model that answered; NULL when none did.';
COMMENT ON COLUMN requests.provider IS 'Provider that answered; NULL when none did.';
COMMENT ON COLUMN requests.route IS 'Name of the rule that matched; NULL when the name''s own pool was used.';
COMMENT ON COLUMN requests.rule_place IS 'file:line of that rule or of the virtual model, in the configuration config_hash names.';
COMMENT ON COLUMN requests.config_hash IS 'Configuration that decided; see config_snapshots.';
COMMENT ON COLUMN requests.config_git_rev IS 'Git revision of that configuration; empty outside a repository.';
COMMENT ON COLUMN requests.has_tools IS 'Whether the request carried tools.';
COMMENT ON COLUMN requests.has_images IS 'Whether the request carried images.';
COMMENT ON COLUMN requests.has_audio IS 'Whether the request carried audio.';
COMMENT ON COLUMN requests.has_files IS 'Whether the request carried files.';
COMMENT ON COLUMN requests.wants_json IS 'Whether JSON output was asked for.';
COMMENT ON COLUMN requests.reasoning IS 'Whether reasoning was asked for.';
COMMENT ON COLUMN requests.input_tokens_estimate IS 'Input tokens as estimated before the call.';
COMMENT ON COLUMN requests.max_tokens IS 'The caller''s cap on output tokens; NULL when none was set.';
COMMENT ON COLUMN requests.decision IS 'JSON: path of the name, rule, strategy, draw, chain, and each dropped candidate with its reason and place.';
COMMENT ON COLUMN requests.dropped_params IS 'Parameters that were taken out of the request because the model does not know them.';
COMMENT ON COLUMN requests.ttft_ms IS 'Milliseconds from the start to the first content byte that went out; NULL when none did.';
COMMENT ON COLUMN requests.total_ms IS 'Milliseconds from the start to the end.';
COMMENT ON COLUMN requests.status IS 'HTTP status that the caller saw; 499 when the caller hung up before an answer.';
COMMENT ON COLUMN requests.error_kind IS 'Word of the outcome table; NULL when the request was answered, or refused before any provider was asked (see status).';
COMMENT ON COLUMN requests.error_code IS 'The `code` of the error body; NULL when the request was answered.';
COMMENT ON COLUMN requests.finish_reason IS 'Why the model stopped; NULL when it did not say.';
COMMENT ON COLUMN requests.input_tokens IS 'Input tokens that were neither cached, cache-written, audio nor image; NULL when nothing was used.';
COMMENT ON COLUMN requests.cached_input_tokens IS 'Input tokens read from the provider''s cache.';
COMMENT ON COLUMN requests.cache_write_tokens IS 'Input tokens written to the provider''s cache, to be kept for five minutes or for a time that it does not tell.';
COMMENT ON COLUMN requests.audio_input_tokens IS 'Audio input tokens.';
COMMENT ON COLUMN requests.image_input_tokens IS 'Image input tokens.';
COMMENT ON COLUMN requests.output_tokens IS 'Output tokens that were neither reasoning, audio nor image.';
COMMENT ON COLUMN requests.reasoning_tokens IS 'Reasoning tokens.';
COMMENT ON COLUMN requests.audio_output_tokens IS 'Audio output tokens.';
COMMENT ON COLUMN requests.image_output_tokens IS 'Image output tokens.';
COMMENT ON COLUMN requests.usage_source IS 'Where the counts come from: reported, estimated or partial; NULL when nothing was used.';
COMMENT ON COLUMN requests.unlisted IS 'Whether the answering model came from a pattern rather than from a listed model.';
COMMENT ON COLUMN requests.price_id IS 'Price used, provider/model/date; NULL when there is none. See prices.';
COMMENT ON COLUMN requests.cost_pusd IS 'What the answering attempt cost us, pico-dollars (10^-12 USD); NULL when unknown, see cost_problem.';
COMMENT ON COLUMN requests.cost_problem IS 'Why the cost is not known; NULL when it is.';
COMMENT ON COLUMN requests.cost_usd IS 'cost_pusd in US dollars, exact.';
COMMENT ON COLUMN requests.cache_write_1h_tokens IS 'Input tokens written to the provider''s cache, to be kept for an hour; NULL when nothing was used, or when cache_write_tokens counts them too.';
COMMENT ON COLUMN requests.images IS 'Pictures made; NULL when nothing is counted beside tokens.';
COMMENT ON COLUMN requests.audio_ms IS 'Milliseconds of sound that was heard; NULL when nothing is counted beside tokens, or the answer does not tell.';
COMMENT ON COLUMN requests.characters IS 'Characters spoken; NULL when nothing is counted beside tokens.';
COMMENT ON COLUMN requests.search_units IS 'Units of reranking; NULL when nothing is counted beside tokens.';

CREATE TABLE IF NOT EXISTS attempts (
    request_id VARCHAR,
    ts TIMESTAMPTZ,
    n INTEGER,
    role VARCHAR,
    reason VARCHAR,
    provider VARCHAR,
    model VARCHAR,
    upstream_model VARCHAR,
    address VARCHAR,
    key_label VARCHAR,
    upstream_request_id VARCHAR,
    started_ms DOUBLE,
    connect_ms DOUBLE,
    ttfb_ms DOUBLE,
    total_ms DOUBLE,
    status INTEGER,
    error_kind VARCHAR,
    error_detail VARCHAR,
    sent_bytes BIGINT,
    received_bytes BIGINT,
    input_tokens BIGINT,
    cached_input_tokens BIGINT,
    cache_write_tokens BIGINT,
    audio_input_tokens BIGINT,
    image_input_tokens BIGINT,
    output_tokens BIGINT,
    reasoning_tokens BIGINT,
    audio_output_tokens BIGINT,
    image_output_tokens BIGINT,
    usage_source VARCHAR,
    price_id VARCHAR,
    list_cost_pusd BIGINT,
    cost_pusd BIGINT,
    cost_problem VARCHAR,
    cost_usd DECIMAL(38, 12) AS (cost_pusd::DECIMAL(26, 0) * 0.000000000001::DECIMAL(12, 12))
);
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS cache_write_1h_tokens BIGINT;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS images BIGINT;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS audio_ms BIGINT;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS characters BIGINT;
ALTER TABLE attempts ADD COLUMN IF NOT EXISTS search_units BIGINT;
COMMENT ON TABLE attempts IS 'One row per upstream attempt of a request.';
COMMENT ON COLUMN attempts.request_id IS 'The request this attempt was made for.';
COMMENT ON COLUMN attempts.ts IS 'Start of the request, UTC; the attempt began started_ms later.';
COMMENT ON COLUMN attempts.n IS 'Number of the attempt within its request, from 1.';
COMMENT ON COLUMN attempts.role IS 'Why it was made: first, retry or fallback.';
COMMENT ON COLUMN attempts.reason IS 'Why this offer was chosen, in words.';
COMMENT ON COLUMN attempts.provider IS 'Provider asked.';
COMMENT ON COLUMN attempts.model IS 'Canonical model.';
COMMENT ON COLUMN attempts.upstream_model IS 'The provider''s own name for the model.';
COMMENT ON COLUMN attempts.address IS 'host:port that was dialled; empty when none was.';
COMMENT ON COLUMN attempts.key_label IS 'Label of the provider key; never the key.';
COMMENT ON COLUMN attempts.upstream_request_id IS 'The provider''s id of the request; empty when it sent none.';
COMMENT ON COLUMN attempts.started_ms IS 'Milliseconds from the start of the request to the start of the attempt.';
COMMENT ON COLUMN attempts.connect_ms IS 'Milliseconds to connect; NULL when an open connection was used or none could be made.';
COMMENT ON COLUMN attempts.ttfb_ms IS 'Milliseconds to the first byte of the answer; NULL when none came.';
COMMENT ON COLUMN attempts.total_ms IS 'Milliseconds that the attempt took.';
COMMENT ON COLUMN attempts.status IS 'The provider''s HTTP status; NULL when no answer came.';
COMMENT ON COLUMN attempts.error_kind IS 'Word of the outcome table; NULL when the attempt answered.';
COMMENT ON COLUMN attempts.error_detail IS 'What went wrong, for operators; no secrets.';
COMMENT ON COLUMN attempts.sent_bytes IS 'Bytes of the request body.';
COMMENT ON COLUMN attempts.received_bytes IS 'Bytes of the answer.';
COMMENT ON COLUMN attempts.input_tokens IS 'Input tokens that were neither cached, cache-written, audio nor image; NULL when nothing was used.';
COMMENT ON COLUMN attempts.cached_input_tokens IS 'Input tokens read from the provider''s cache.';
COMMENT ON COLUMN attempts.cache_write_tokens IS 'Input tokens written to the provider''s cache, to be kept for five minutes or for a time that it does not tell.';
COMMENT ON COLUMN attempts.audio_input_tokens IS 'Audio input tokens.';
COMMENT ON COLUMN attempts.image_input_tokens IS 'Image input tokens.';
COMMENT ON COLUMN attempts.output_tokens IS 'Output tokens that were neither reasoning, audio nor image.';
COMMENT ON COLUMN attempts.reasoning_tokens IS 'Reasoning tokens.';
COMMENT ON COLUMN attempts.audio_output_tokens IS 'Audio output tokens.';
COMMENT ON COLUMN attempts.image_output_tokens IS 'Image output tokens.';
COMMENT ON COLUMN attempts.usage_source IS 'Where the counts come from: reported, estimated or partial; NULL when nothing was used.';
COMMENT ON COLUMN attempts.price_id IS 'Price used, provider/model/date; NULL when there is none. See prices.';
COMMENT ON COLUMN attempts.list_cost_pusd IS 'Cost at list price, pico-dollars (10^-12 USD); NULL when unknown.';
COMMENT ON COLUMN attempts.cost_pusd IS 'Cost after the contract''s discount, pico-dollars (10^-12 USD); NULL when unknown.';
COMMENT ON COLUMN attempts.cost_problem IS 'Why the cost is not known; NULL when it is.';
COMMENT ON COLUMN attempts.cost_usd IS 'cost_pusd in US dollars, exact.';
COMMENT ON COLUMN attempts.cache_write_1h_tokens IS 'Input tokens written to the provider''s cache, to be kept for an hour; NULL when nothing was used, or when cache_write_tokens counts them too.';
COMMENT ON COLUMN attempts.images IS 'Pictures made; NULL when nothing is counted beside tokens.';
COMMENT ON COLUMN attempts.audio_ms IS 'Milliseconds of sound that was heard; NULL when nothing is counted beside tokens, or the answer does not tell.';
COMMENT ON COLUMN attempts.characters IS 'Characters spoken; NULL when nothing is counted beside tokens.';
COMMENT ON COLUMN attempts.search_units IS 'Units of reranking; NULL when nothing is counted beside tokens.';

CREATE TABLE IF NOT EXISTS config_snapshots (
    record_id VARCHAR,
    ts TIMESTAMPTZ,
    node VARCHAR,
    config_hash VARCHAR,
    bundle_hash VARCHAR,
    config_git_rev VARCHAR,
    result VARCHAR,
    files MAP(VARCHAR, VARCHAR),
    problems VARCHAR[],
    retention_days INTEGER
);
COMMENT ON TABLE config_snapshots IS 'One row per configuration that a node loaded or refused.';
COMMENT ON COLUMN config_snapshots.record_id IS 'Id of this row.';
COMMENT ON COLUMN config_snapshots.ts IS 'When it was loaded or refused, UTC.';
COMMENT ON COLUMN config_snapshots.node IS 'Host that did.';
COMMENT ON COLUMN config_snapshots.config_hash IS 'SHA-256 of the linked configuration; empty when it did not compile.';
COMMENT ON COLUMN config_snapshots.bundle_hash IS 'SHA-256 of the files'' bytes.';
COMMENT ON COLUMN config_snapshots.config_git_rev IS 'Git revision; empty outside a repository.';
COMMENT ON COLUMN config_snapshots.result IS 'loaded, unchanged or refused.';
COMMENT ON COLUMN config_snapshots.files IS 'Path to text of every file, so that a past decision can be explained without git.';
COMMENT ON COLUMN config_snapshots.problems IS 'Every diagnostic, in the words of `engine validate`.';
COMMENT ON COLUMN config_snapshots.retention_days IS 'How long usage is kept from here on; NULL leaves the rule as it was.';

CREATE TABLE IF NOT EXISTS events (
    record_id VARCHAR,
    ts TIMESTAMPTZ,
    node VARCHAR,
    event VARCHAR,
    subject VARCHAR,
    detail MAP(VARCHAR, VARCHAR)
);
COMMENT ON TABLE events IS 'Something that happened beside requests: a breaker that moved, a key that rests, a worker that died.';
COMMENT ON COLUMN events.record_id IS 'Id of this row.';
COMMENT ON COLUMN events.ts IS 'When it happened, UTC.';
COMMENT ON COLUMN events.node IS 'Host it happened on.';
COMMENT ON COLUMN events.event IS 'What happened.';
COMMENT ON COLUMN events.subject IS 'What it is about: provider/openai, offer/openai/openai/gpt-4o, key/openai/main, worker/1.';
COMMENT ON COLUMN events.detail IS 'More about it.';

CREATE TABLE IF NOT EXISTS models (
    model VARCHAR,
    provider VARCHAR,
    upstream_model VARCHAR,
    context_tokens BIGINT,
    max_output_tokens BIGINT,
    input_modalities VARCHAR[],
    output_modalities VARCHAR[],
    features VARCHAR[],
    surfaces VARCHAR[],
    deprecated_on DATE,
    retired_on DATE,
    successor VARCHAR,
    place VARCHAR,
    config_hash VARCHAR
);
COMMENT ON TABLE models IS 'One row per offer of the configuration loaded last: a model at a provider.';
COMMENT ON COLUMN models.model IS 'Canonical model, org/model; a pattern where it holds a *.';
COMMENT ON COLUMN models.provider IS 'Provider that offers it.';
COMMENT ON COLUMN models.upstream_model IS 'The provider''s own name for the model.';
COMMENT ON COLUMN models.context_tokens IS 'Input and output together; NULL when unknown.';
COMMENT ON COLUMN models.max_output_tokens IS 'Most output tokens of an answer; NULL when unknown.';
COMMENT ON COLUMN models.input_modalities IS 'What goes in: text, image, audio, file, video.';
COMMENT ON COLUMN models.output_modalities IS 'What comes out: text, image, audio, embedding.';
COMMENT ON COLUMN models.features IS 'Declared features: tools, json_schema, reasoning, streaming.';
COMMENT ON COLUMN models.surfaces IS 'Endpoints that serve it.';
COMMENT ON COLUMN models.deprecated_on IS 'Day from which its provider advises against it; NULL when not announced.';
COMMENT ON COLUMN models.retired_on IS 'Day from which it no longer answers; NULL when not announced.';
COMMENT ON COLUMN models.successor IS 'Model that its provider names instead; empty when none.';
COMMENT ON COLUMN models.place IS 'file:line of its entry.';
COMMENT ON COLUMN models.config_hash IS 'Configuration it stands in.';

CREATE TABLE IF NOT EXISTS providers (
    provider VARCHAR,
    name VARCHAR,
    protocol VARCHAR,
    base_url VARCHAR,
    data MAP(VARCHAR, VARCHAR),
    discount_numerator BIGINT,
    discount_denominator BIGINT,
    disabled VARCHAR,
    place VARCHAR,
    config_hash VARCHAR
);
COMMENT ON TABLE providers IS 'One row per provider of the configuration loaded last.';
COMMENT ON COLUMN providers.provider IS 'Id, which is also the name of its file.';
COMMENT ON COLUMN providers.name IS 'Name for people.';
COMMENT ON COLUMN providers.protocol IS 'What it speaks: openai, openai-responses, anthropic, gemini, vertex, bedrock, azure, cohere, ollama, template or sandbox.';
COMMENT ON COLUMN providers.base_url IS 'As written, references unresolved.';
COMMENT ON COLUMN providers.data IS 'Facts that `require` asks about: region, retention, trains, and free ones.';
COMMENT ON COLUMN providers.discount_numerator IS 'Share of the list price that the contract takes off: numerator.';
COMMENT ON COLUMN providers.discount_denominator IS 'Share of the list price that the contract takes off: denominator.';
COMMENT ON COLUMN providers.disabled IS 'Why it is not to be used; empty when it is.';
COMMENT ON COLUMN providers.place IS 'file:line of its entry.';
COMMENT ON COLUMN providers.config_hash IS 'Configuration it stands in.';

CREATE TABLE IF NOT EXISTS prices (
    price_id VARCHAR,
    provider VARCHAR,
    model VARCHAR,
    from_at TIMESTAMPTZ,
    above_input_tokens BIGINT,
    input_pusd_per_token BIGINT,
    cached_input_pusd_per_token BIGINT,
    cache_write_pusd_per_token BIGINT,
    audio_input_pusd_per_token BIGINT,
    image_input_pusd_per_token BIGINT,
    output_pusd_per_token BIGINT,
    reasoning_pusd_per_token BIGINT,
    audio_output_pusd_per_token BIGINT,
    image_output_pusd_per_token BIGINT,
    request_pusd BIGINT,
    source VARCHAR,
    config_hash VARCHAR
);
ALTER TABLE prices ADD COLUMN IF NOT EXISTS cache_write_1h_pusd_per_token BIGINT;
ALTER TABLE prices ADD COLUMN IF NOT EXISTS image_pusd BIGINT;
ALTER TABLE prices ADD COLUMN IF NOT EXISTS audio_minute_pusd BIGINT;
ALTER TABLE prices ADD COLUMN IF NOT EXISTS character_pusd BIGINT;
ALTER TABLE prices ADD COLUMN IF NOT EXISTS search_pusd BIGINT;
COMMENT ON TABLE prices IS 'One row per price period and tier, of every configuration that was loaded: dated, so that past usage can be priced again.';
COMMENT ON COLUMN prices.price_id IS 'provider/model/date.';
COMMENT ON COLUMN prices.provider IS 'Provider that charges it.';
COMMENT ON COLUMN prices.model IS 'Canonical model.';
COMMENT ON COLUMN prices.from_at IS 'In force from this instant until the model''s next period, UTC.';
COMMENT ON COLUMN prices.above_input_tokens IS '0 for the period''s own rates; otherwise these rates hold for requests whose total input exceeds this count.';
COMMENT ON COLUMN prices.input_pusd_per_token IS 'Pico-dollars per input token; NULL when not priced.';
COMMENT ON COLUMN prices.cached_input_pusd_per_token IS 'Pico-dollars per cached input token; NULL when priced as input.';
COMMENT ON COLUMN prices.cache_write_pusd_per_token IS 'Pico-dollars per cache write token; NULL when priced as input.';
COMMENT ON COLUMN prices.audio_input_pusd_per_token IS 'Pico-dollars per audio input token; NULL when priced as input.';
COMMENT ON COLUMN prices.image_input_pusd_per_token IS 'Pico-dollars per image input token; NULL when priced as input.';
COMMENT ON COLUMN prices.output_pusd_per_token IS 'Pico-dollars per output token; NULL when not priced.';
COMMENT ON COLUMN prices.reasoning_pusd_per_token IS 'Pico-dollars per reasoning token; NULL when priced as output.';
COMMENT ON COLUMN prices.audio_output_pusd_per_token IS 'Pico-dollars per audio output token; NULL when priced as output.';
COMMENT ON COLUMN prices.image_output_pusd_per_token IS 'Pico-dollars per image output token; NULL when priced as output.';
COMMENT ON COLUMN prices.request_pusd IS 'Pico-dollars added once per request; NULL when none.';
COMMENT ON COLUMN prices.source IS 'Where the figures come from.';
COMMENT ON COLUMN prices.config_hash IS 'Configuration that declared it last.';
COMMENT ON COLUMN prices.cache_write_1h_pusd_per_token IS 'Pico-dollars per token written to a cache for an hour; NULL when priced as a cache write token.';
COMMENT ON COLUMN prices.image_pusd IS 'Pico-dollars for each picture made; NULL when it has no price.';
COMMENT ON COLUMN prices.audio_minute_pusd IS 'Pico-dollars for each minute of sound heard; NULL when it has no price.';
COMMENT ON COLUMN prices.character_pusd IS 'Pico-dollars for each character spoken; NULL when it has no price.';
COMMENT ON COLUMN prices.search_pusd IS 'Pico-dollars for each unit of reranking; NULL when it has no price.';

-- Bookkeeping, committed together with the rows it is about.

CREATE TABLE IF NOT EXISTS positions (segment VARCHAR, byte_offset BIGINT);
COMMENT ON TABLE positions IS 'How far each journal segment has been projected.';
COMMENT ON COLUMN positions.segment IS 'Writer and number of the segment.';
COMMENT ON COLUMN positions.byte_offset IS 'Bytes of it that are projected.';

CREATE TABLE IF NOT EXISTS unreadable (segment VARCHAR, byte_offset BIGINT, reason VARCHAR);
COMMENT ON TABLE unreadable IS 'Whole frames that no row could be made of; their segments are kept.';
COMMENT ON COLUMN unreadable.segment IS 'Writer and number of the segment.';
COMMENT ON COLUMN unreadable.byte_offset IS 'Where the frame ends.';
COMMENT ON COLUMN unreadable.reason IS 'What is wrong with it.';

CREATE TABLE IF NOT EXISTS retention (days INTEGER);
COMMENT ON TABLE retention IS 'How long usage is kept, as the configuration loaded last says; no row keeps everything.';
COMMENT ON COLUMN retention.days IS 'Days.';

CREATE TABLE IF NOT EXISTS parts (
    publication BIGINT,
    table_name VARCHAR,
    file VARCHAR,
    row_count BIGINT,
    first_ts TIMESTAMPTZ,
    last_ts TIMESTAMPTZ
);
COMMENT ON TABLE parts IS 'The Parquet files that the tables consist of, immutable, in journal order.';
COMMENT ON COLUMN parts.publication IS 'Number of the publication that wrote it.';
COMMENT ON COLUMN parts.table_name IS 'Table it belongs to.';
COMMENT ON COLUMN parts.file IS 'Path below the folder of parts.';
COMMENT ON COLUMN parts.row_count IS 'Rows in it.';
COMMENT ON COLUMN parts.first_ts IS 'Earliest ts in it, UTC.';
COMMENT ON COLUMN parts.last_ts IS 'Latest ts in it, UTC.';

CREATE TABLE IF NOT EXISTS part_widths (file VARCHAR, column_count INTEGER);
COMMENT ON TABLE part_widths IS 'How many columns a part has, which tells what they are: tables gain columns only at their end. A part that is not listed has the fewest.';
COMMENT ON COLUMN part_widths.file IS 'Path below the folder of parts.';
COMMENT ON COLUMN part_widths.column_count IS 'Columns in it.';

CREATE TABLE IF NOT EXISTS retired_parts (file VARCHAR, retired_at TIMESTAMPTZ);
COMMENT ON TABLE retired_parts IS 'Parts past retention, kept a while for readers of an older catalog.';
COMMENT ON COLUMN retired_parts.file IS 'Path below the folder of parts.';
COMMENT ON COLUMN retired_parts.retired_at IS 'When it left the catalog, UTC.';
