-- The tables as the first version made them, for tests of what becomes of its data directories.

CREATE TABLE requests (
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

CREATE TABLE attempts (
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

CREATE TABLE config_snapshots (
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

CREATE TABLE events (
    record_id VARCHAR,
    ts TIMESTAMPTZ,
    node VARCHAR,
    event VARCHAR,
    subject VARCHAR,
    detail MAP(VARCHAR, VARCHAR)
);

CREATE TABLE models (
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

CREATE TABLE providers (
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

CREATE TABLE prices (
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

CREATE TABLE positions (segment VARCHAR, byte_offset BIGINT);

CREATE TABLE unreadable (segment VARCHAR, byte_offset BIGINT, reason VARCHAR);

CREATE TABLE retention (days INTEGER);

CREATE TABLE parts (
    publication BIGINT,
    table_name VARCHAR,
    file VARCHAR,
    row_count BIGINT,
    first_ts TIMESTAMPTZ,
    last_ts TIMESTAMPTZ
);

CREATE TABLE retired_parts (file VARCHAR, retired_at TIMESTAMPTZ);
