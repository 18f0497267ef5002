def test_health_check_needs_no_sign_in(client, db):
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok")
