"""Tests in JavaScript against a real Hubbub that the test starts by tests/e2e/harness.js. They run in the checkout, whose node_modules
./test installs, outside Bazel's sandbox and one at a time."""

def node_tests(files, data = []):
    """A test a file of this folder: foo.test.js is the test foo. data: what they need beside the folder's scripts and the services."""
    for file in files:
        native.sh_test(
            name = file[:-len(".test.js")],
            size = "large",
            srcs = ["//tests/e2e:run_test.sh"],
            args = ["../%s/%s" % (native.package_name()[len("tests/"):], file)],
            data = native.glob(["*.js"], exclude = ["harness.js"]) + data + [
                "//protos:hubbub/v1/routes.json",
                "//services/chat",
                "//services/gateway",
                "//services/media",
                "//services/presence",
                "//tests/e2e:harness.js",
                "//tools/hubbub",
            ],
            tags = [
                "exclusive",
                "local",
                "no-sandbox",
            ],
        )
