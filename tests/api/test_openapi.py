"""public/openapi.json tells what there is: every route, its scope, and nothing else."""

from tests.api.client import load_apps, read_openapi

VERBS = {"get", "put", "post", "delete"}


def test_documents_every_route_and_no_other() -> None:
    documented = {
        (verb.upper(), path) for path, item in read_openapi()["paths"].items() for verb in item if verb in VERBS
    }
    assert documented == {(route.method, route.pattern) for app in load_apps().values() for route in app.routes}


def test_every_reference_leads_somewhere() -> None:
    document = read_openapi()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                target = document
                for step in value["$ref"].removeprefix("#/").split("/"):
                    target = target[step]
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for member in value:
                walk(member)

    walk(document)


def test_every_operation_has_its_own_name() -> None:
    names = [item[verb]["operationId"] for item in read_openapi()["paths"].values() for verb in item if verb in VERBS]
    assert len(names) == len(set(names))
